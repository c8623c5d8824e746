"""How the command speaks: results to standard output, everything else to standard error."""

import atexit
import json
import signal
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

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
    # Also where a shell started us in the background, and with it told us to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
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
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours, told in a sentence and kept whole
        path = Home.find().logs / "internal-error.txt"
        path.write_text(traceback.format_exc(), encoding="utf-8")
        what = f"Tollgate itself failed: {type(error).__name__}: {error}"
        fail(TollgateError(what, f"what was recorded is kept; please report it with {path}"))
    sys.exit(exit_code)


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


def _stop(*_: object) -> None:
    """Take SIGTERM and SIGHUP for Ctrl-C: children are stopped gently, the next run goes on."""
    raise KeyboardInterrupt
