"""How the command speaks: results to standard output, everything else to standard error."""

import atexit
import json
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from pipeline.host.files import NO_ROOM
from pipeline.host.home import Home, home_path
from pipeline.host.now import Now
from pipeline.model.errors import InterruptedByUserError, TollgateError
from pipeline.show.github import WorkflowLog, is_github
from pipeline.show.progress import Progress
from pipeline.show.summary import add_to_summary, error_markdown
from pipeline.show.text import safe

_PLAIN_WIDTH = 80


def results() -> Console:
    """Return where results go; they stand outside of every group of a job's log."""
    if (log := _workflow_log()) is not None:
        log.close()
    return _console(sys.stdout)


def progress() -> Progress:
    """Return where progress goes."""
    return Progress(_console(sys.stderr), _workflow_log(), Now(home_path()))


@cache
def _workflow_log() -> WorkflowLog | None:
    return WorkflowLog(sys.stderr) if is_github() else None


def print_json(document: Any) -> None:
    """Print a document for a program: JSON and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, sort_keys=True) + "\n")


def _console(file: Any) -> Console:
    width = None if file.isatty() else _PLAIN_WIDTH
    return Console(file=file, highlight=False, emoji=False, markup=False, width=width)


def run(command: Callable[[], int]) -> NoReturn:
    """Run the command line; a user's mistake becomes a sentence, a bug of ours a file that can be sent to us."""
    log = _workflow_log()
    if log is not None:
        log.begin()
        atexit.register(log.end)
    atexit.register(Now(home_path()).forget)
    try:
        exit_code = command()
    except TollgateError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(InterruptedByUserError("stopped by Ctrl-C", "run the same command again to finish it"))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if error.errno not in NO_ROOM:
            _fail_by_our_fault(error)
        message = f"the disk cannot be written: {error.strerror}"
        fail(TollgateError(message, "what was recorded is kept; free space, then run the same command again"))
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours, told in a sentence and kept whole
        _fail_by_our_fault(error)
    sys.exit(exit_code)


def _fail_by_our_fault(error: Exception) -> NoReturn:
    """Say that it was a bug of ours, and keep the whole of it where there is room for that."""
    whole = "".join(traceback.format_exception(error))
    try:
        path = Home.find().logs / "internal-error.txt"
        path.write_text(whole, encoding="utf-8")
    except (OSError, TollgateError) as reason:
        sys.stderr.write(whole)
        report = f"the lines above ({reason})"
    else:
        report = str(path)
    what = f"Tollgate itself failed: {type(error).__name__}: {error}"
    fail(TollgateError(what, f"what was recorded is kept; please report it with {report}"))


def fail(error: TollgateError) -> NoReturn:
    """Say what was wrong and what to do, and end."""
    if (log := _workflow_log()) is not None:
        log.close()
    add_to_summary(error_markdown(error))
    console = _console(sys.stderr)
    lines = error.message.splitlines() or [""]
    console.print(Text("error: ", "bold red").append(safe(lines[0]), "not bold default"), soft_wrap=True)
    for line in lines[1:]:
        console.print(Text("       " + safe(line)), soft_wrap=True)
    if error.hint:
        console.print(Text("next:  ", "bold").append(safe(error.hint), "not bold"), soft_wrap=True)
    sys.exit(error.exit_code)
