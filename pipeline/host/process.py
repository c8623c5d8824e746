"""Child processes: a deadline for each, lines as they come, and a gentle stop on Ctrl-C."""

import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.model.errors import InterruptedByUserError, TollgateError

_GENTLE_SECONDS = 60.0
"""How long a child may take to stop by itself: Terraform finishes the resource at hand and saves its state."""

_FIRM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Completed:
    """What a child said and how it ended."""

    what: str
    exit_code: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last lines of what it said on either stream, for an error message."""
        lines = [line for line in (self.stdout + "\n" + self.stderr).splitlines() if line.strip()]
        return "\n".join(lines[-15:])


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    what: str,
    deadline_seconds: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    keep_open: Sequence[int] = (),
) -> Completed:
    """Run one program to its end and return what it said.

    Args:
        argv: Program and arguments; never a shell line.
        what: What it does, in words for messages: "terraform plan".
        deadline_seconds: After this long it is stopped, gently first.
        cwd: Its working directory. Default: ours.
        env: Its whole environment. Default: ours.
        on_line: Called with each line of standard output as it comes. Default: nobody listens.
        keep_open: File descriptors that the child inherits, so that a lock outlives us if it does.

    Raises:
        TollgateError: It could not be started or overran its deadline.
        InterruptedByUserError: Ctrl-C; the child was stopped first.
    """
    try:
        child = subprocess.Popen(
            [os.fspath(part) for part in argv],
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        message = (
            f"{what} could not be started: {error.strerror or error} ({shlex.quote(os.fspath(argv[0]))})"
        )
        raise TollgateError(message, "check that the program is there and can be executed") from error
    collector = _Collector(child)
    started = time.monotonic()
    try:
        ended: float | None = None
        while child.poll() is None or collector.open_streams:
            collector.drain(on_line)
            if ended is None and child.poll() is not None:
                ended = time.monotonic()
            if ended is not None and time.monotonic() - ended > _FIRM_SECONDS:
                break  # a grandchild keeps the pipe open; what it says no longer matters
            if time.monotonic() - started > deadline_seconds and child.poll() is None:
                _stop(child, collector)
                message = f"{what} did not end within {deadline_seconds:.0f} s and was stopped"
                raise TollgateError(message, "run the same command again; what was recorded is kept")
    except KeyboardInterrupt:
        _stop(child, collector)
        message = f"stopped by Ctrl-C during {what}"
        raise InterruptedByUserError(message, "run the same command again to finish it") from None
    except BaseException:
        _stop(child, collector)
        raise
    return Completed(what, child.returncode, collector.text("stdout"), collector.text("stderr"))


class _Collector:
    """Reads both streams without blocking the one who waits."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
        self._kept: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self.open_streams = 0
        for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)):
            if stream is not None:
                self.open_streams += 1
                threading.Thread(target=self._read, args=(name, stream), daemon=True).start()

    def _read(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put((name, line))
        self._lines.put((name, None))

    def drain(self, on_line: Callable[[str], None] | None, wait_seconds: float = 0.1) -> None:
        """Take what has come; wait a moment if nothing has."""
        try:
            name, line = self._lines.get(timeout=wait_seconds)
            while True:
                if line is None:
                    self.open_streams -= 1
                else:
                    self._kept[name].append(line)
                    if on_line is not None and name == "stdout":
                        on_line(line)
                name, line = self._lines.get_nowait()
        except queue.Empty:
            return

    def text(self, name: str) -> str:
        """Everything that came on one stream."""
        return "".join(self._kept[name])


def _stop(child: subprocess.Popen[str], collector: _Collector) -> None:
    """Ask, then insist: a second Ctrl-C while asking goes straight to insisting."""
    for number, patience in ((signal.SIGINT, _GENTLE_SECONDS), (signal.SIGTERM, _FIRM_SECONDS)):
        if child.poll() is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        until = time.monotonic() + patience
        try:
            while child.poll() is None and time.monotonic() < until:
                collector.drain(None)
        except KeyboardInterrupt:
            continue
    if child.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
