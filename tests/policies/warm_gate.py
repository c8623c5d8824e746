"""Runs of the gate in processes of their own, from one that has already imported checkov.

Importing checkov takes longer than judging. This program imports it once and forks for each run, so that
every run still starts with none of our modules loaded and can break whatever it likes. It reads one job per
line: the working directory, the arguments, and a file for what the run prints.
"""

import json
import os
import runpy
import sys
import traceback
import warnings
from pathlib import Path


def run_here(directory: str, arguments: list[str], output: str) -> int:
    """Be `python -m policies` in a directory; the status is what the interpreter would exit with."""
    os.chdir(directory)
    sys.path.insert(0, directory)
    sys.argv = ["policies", *arguments]
    with Path(output).open("w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            runpy.run_module("policies", run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 1
        except BaseException:  # noqa: BLE001  # the interpreter, too, would print anything and exit with 1
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def main() -> None:
    """Import checkov, then run jobs until there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import checkov.terraform_json.runner  # noqa: F401  # to have it imported is the point
        import colorama  # type: ignore[import-untyped]  # comes with checkov, without types
    colorama.deinit()
    for line in sys.stdin:
        job = json.loads(line)
        if (child := os.fork()) == 0:
            os._exit(run_here(*job))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
