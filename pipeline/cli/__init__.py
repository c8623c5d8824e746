"""The `tollgate` command: one verb for each thing a person does, the same as the Nox sessions."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; Ctrl-C is a sentence from the first moment on."""
    # Also where a shell started us in the background, and with it told us to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        from pipeline.cli.app import main as run_command_line  # noqa: PLC0415 - half a second, which may be interrupted

        run_command_line()
    except KeyboardInterrupt:
        sys.stderr.write("error: stopped by Ctrl-C\nnext:  run the same command again to finish it\n")
        sys.exit(130)


def _stop(*_: object) -> None:
    """Take SIGTERM and SIGHUP for Ctrl-C: children are stopped gently, the next run goes on."""
    raise KeyboardInterrupt


__all__ = ["main"]
