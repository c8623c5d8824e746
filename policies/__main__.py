"""`python -m policies DIR`: judge the synthesized stacks in a directory.

Exit status: 0 clean, 1 refused, 2 could not be judged (which is refused too). The last line says which.
"""

import argparse
import datetime as dt
import gc
import os
import sys
import warnings
from pathlib import Path

# What the gate needs of its surroundings. Everything else goes before checkov is imported: dozens of
# variables (CHECKOV_*, CKV_*, BC_*, LOG_LEVEL, …) change what checkov reads, runs and reports.
KEPT = frozenset({"HOME", "LANG", "LC_ALL", "NO_COLOR", "PATH", "SYSTEMROOT", "TERM", "TMPDIR", "TZ"})


def main(arguments: list[str]) -> int:
    """Judge, print the report, write the files that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m policies", description=__doc__)
    parser.add_argument(
        "directory",
        metavar="DIR",
        type=Path,
        nargs="?",
        default=Path("cdktf.out"),
        help="where the synthesized stacks are (default: %(default)s, where `nox -s synth` writes them)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the report as JSON")
    parser.add_argument("--sarif", metavar="FILE", type=Path, help="write the report as SARIF")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the report as JUnit XML")
    options = parser.parse_args(arguments)
    files = {"json": options.json, "sarif": options.sarif, "junit": options.junit}
    gc.disable()  # one short run that frees nothing: collecting costs a fifth of its time
    for name in os.environ.keys() - KEPT:
        del os.environ[name]
    try:
        for path in filter(None, files.values()):
            path.unlink(missing_ok=True)  # a run that dies must not leave the report of the one before
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside checkov's own dependencies
            import colorama  # type: ignore[import-untyped]  # noqa: PLC0415  # as below; without types

            from policies.gate import run  # noqa: PLC0415  # after the environment is clean
    except (Exception, SystemExit) as problem:  # noqa: BLE001  # whatever breaks there is no verdict
        return _not_judged(problem)
    colorama.deinit()  # checkov wraps stdout while it is imported; the report needs no colours
    today = dt.datetime.now(tz=dt.UTC).date()
    return run.run(options.directory, today, files)


def _not_judged(problem: BaseException) -> int:
    """Say that there is no gate here; the last line is the one of any run that reached no verdict."""
    what = f"the gate does not load here: {type(problem).__name__}: {problem}"
    if isinstance(problem, ModuleNotFoundError) and not str(problem.name).startswith("policies"):
        what = f"{problem.name} is not installed here"
    sys.stderr.write(f"error: {what}.\n")
    sys.stderr.write("hint: Run it in the checkov environment: `nox -s policies -- DIR`.\n")
    sys.stdout.write("COULD NOT BE JUDGED, therefore refused.\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
