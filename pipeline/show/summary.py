"""The summary of a job on GitHub: the words of the terminal as Markdown, with everything escaped that others wrote."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.model.errors import TollgateError
from pipeline.model.release import short
from pipeline.show.text import escaped, moment, safe

VARIABLE = "GITHUB_STEP_SUMMARY"
MAX_BYTES = 1024 * 1024
"""What GitHub takes from one step; more is an error there, and then nothing is shown."""

_TOO_LONG = "\n\nThe rest is too long for a summary; the log of this job has it.\n"
_FENCE = re.compile(r"^(`{3,})", re.MULTILINE)


def add_to_summary(markdown: str) -> None:
    """Put Markdown behind what the step's summary holds already; without a summary, or a disk, do nothing.

    A summary is a copy of what the log says, so nothing fails for want of it.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    path = Path(name)
    with suppress(OSError):
        held = path.stat().st_size if path.exists() else 0
        room = MAX_BYTES - held - 1
        if room > 0:
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(shortened(markdown, room))


def shortened(markdown: str, room: int) -> str:
    """Return Markdown that is at most `room` bytes long, cut at the end of a line, with every fence closed."""
    content = markdown.encode("utf-8", errors="backslashreplace")
    if len(content) <= room:
        return content.decode()
    fences = _FENCE.findall(markdown)
    closing = f"\n{max(fences, key=len)}" if fences else ""
    end = (closing + _TOO_LONG).encode()
    if len(end) > room:
        return ""
    kept = content[: room - len(end)].decode(errors="ignore").rpartition("\n")[0]
    is_open = len(_FENCE.findall(kept)) % 2 == 1
    return kept + (closing if is_open else "") + _TOO_LONG


def rows_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows of `status` as a table, and below it what blocks each and what would unblock it."""
    lines = ["| instance | state | release | since |", "| --- | --- | --- | --- |"]
    for row in rows:
        since = moment(row["since"]) if row["since"] else "-"
        cells = (row["instance"], row["state"], short(row["release"] or "-"), since)
        lines.append(f"| {' | '.join(escaped(safe(str(cell))) for cell in cells)} |")
    lines.append("")
    for row in rows:
        name = escaped(safe(row["instance"]))
        lines += [f"- **{name}**: {escaped(safe(notice))}" for notice in row["notices"]]
        for block in row["blocks"]:
            lines.append(f"- **{name}**: {escaped(safe(block['sentence']))}")
            lines.append(f"  next: {escaped(safe(block['unblock']))}")
    return "\n".join(lines) + "\n\n"


def error_markdown(error: TollgateError) -> str:
    """Return what failed, why, and the next command."""
    first, *others = error.message.splitlines() or [""]
    lines = [f"**error:** {escaped(safe(first))}", *(escaped(safe(line)) for line in others)]
    if error.hint:
        lines.append(f"**next:** {escaped(safe(error.hint))}")
    return "\n\n".join(lines) + "\n\n"
