"""One run of the gate: judge, write the reports, give the exit status."""

import datetime as dt
import sys
from pathlib import Path

from policies.gate.errors import NotJudgedError
from policies.gate.judge import CLEAN, NOT_JUDGED, REFUSED, Judgement, judge
from policies.gate.report_json import to_json
from policies.gate.report_junit import to_junit
from policies.gate.report_sarif import to_sarif
from policies.gate.report_text import to_text
from policies.gate.waivers import Waived

STATUS = {CLEAN: 0, REFUSED: 1, NOT_JUDGED: 2}
WRITERS = {"json": to_json, "sarif": to_sarif, "junit": to_junit}


def run(directory: Path, today: dt.date, files: dict[str, Path | None]) -> int:
    """Judge a directory.

    Args:
        directory: Where the synthesized stacks are.
        today: The day waivers are measured against.
        files: Where to write each kind of report, if anywhere.
    """
    wanted = {kind: path for kind, path in files.items() if path is not None}
    judgement = _judged(directory, today)
    for kind, path in wanted.items():
        path.write_text(WRITERS[kind](judgement), encoding="utf-8")
    sys.stdout.write(to_text(judgement))
    return STATUS[judgement.verdict]


def _judged(directory: Path, today: dt.date) -> Judgement:
    """The judgement; whatever goes wrong on the way to it, `sys.exit` in a check included, is a fault."""
    try:
        return judge(directory, today)
    except NotJudgedError as problem:
        fault = f"{problem.message} {problem.hint}"
    except (Exception, SystemExit) as problem:  # noqa: BLE001  # a crash of the gate must not pass for a verdict
        fault = f"The gate itself failed: {type(problem).__name__}: {problem}."
    return Judgement(is_release=False, stacks=[], checks={}, waived=Waived(), faults=[fault])
