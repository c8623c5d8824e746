"""Child processes: a deadline for each, lines as they come, and a gentle stop on Ctrl-C.

Children write to files, not to pipes: a pipe breaks when we are killed, and a Terraform that writes to a broken pipe
dies in the middle of its apply. Written to a file, it finishes, saves its state, and the next run finds all done.
"""

import os
import shlex
import signal
import subprocess
import tempfile
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
_POLL_SECONDS = 0.05
_INSIST_SECONDS = 3.0


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
    insist: Callable[[], None] | None = None,
    keep_open: Sequence[int] = (),
    keep_stdout: Path | None = None,
) -> Completed:
    """Run one program to its end and return what it said.

    Args:
        argv: Program and arguments; never a shell line.
        what: What it does, in words for messages: "terraform plan".
        deadline_seconds: After this long it is stopped, gently first.
        cwd: Its working directory. Default: ours.
        env: Its whole environment. Default: ours.
        on_line: Called with each line of standard output as it comes. Default: nobody listens.
        insist: Asked every few seconds; an error that it raises is passed on, and the child is killed: without what
            is insisted on it has nothing to finish. Default: nothing is insisted on.
        keep_open: File descriptors that the child inherits, so that a lock outlives us if it does.
        keep_stdout: A file that gets standard output at its end and is kept. Default: it is not kept.

    Raises:
        TollgateError: It could not be started or overran its deadline.
        InterruptedByUserError: Ctrl-C; the child was stopped first.
    """
    with _output(keep_stdout) as stdout, tempfile.TemporaryFile() as stderr:
        try:
            child = subprocess.Popen(
                [os.fspath(part) for part in argv],
                cwd=cwd,
                env=dict(env) if env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                pass_fds=tuple(keep_open),
            )
        except OSError as error:
            message = (
                f"{what} could not be started: {error.strerror or error} ({shlex.quote(os.fspath(argv[0]))})"
            )
            raise TollgateError(message, "check that the program is there and can be executed") from error
        lines = _Lines(stdout, on_line)
        _RUNNING.add(child.pid)
        try:
            _watch(child, lines, what, deadline_seconds, insist)
        except KeyboardInterrupt:
            _stop(child)
            message = f"stopped by Ctrl-C during {what}"
            raise InterruptedByUserError(message, "run the same command again to finish it") from None
        except BaseException:
            _stop(child)
            raise
        finally:
            _RUNNING.discard(child.pid)
        return Completed(what, child.returncode, _whole(stdout), _whole(stderr))


_RUNNING: set[int] = set()


def kill_running() -> None:
    """Kill what runs now and all that it started, without asking: for tests of what a power cut leaves."""
    for pid in _RUNNING:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _output(kept: Path | None) -> IO[bytes]:
    if kept is None:
        return tempfile.TemporaryFile()
    try:
        return kept.open("ab+")
    except OSError as error:
        message = f"{kept} cannot be written: {error.strerror or error}"
        raise TollgateError(message, "nothing was changed; free space or permissions there") from error


def _watch(
    child: subprocess.Popen[bytes],
    lines: "_Lines",
    what: str,
    deadline_seconds: float,
    insist: Callable[[], None] | None,
) -> None:
    """Hand on lines until the child has ended or its time is up."""
    started = asked = time.monotonic()
    while child.poll() is None:
        lines.follow()
        now = time.monotonic()
        if now - started > deadline_seconds:
            message = f"{what} did not end within {deadline_seconds:.0f} s and was stopped"
            raise TollgateError(message, "run the same command again; what was recorded is kept")
        if insist is not None and now - asked > _INSIST_SECONDS:
            asked = now
            try:
                insist()
            except Exception:
                _kill(child)
                raise
        time.sleep(_POLL_SECONDS)
    lines.follow()


class _Lines:
    """Hands on each whole line of a growing file once."""

    def __init__(self, file: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        self._descriptor = file.fileno()
        self._on_line = on_line
        self._offset = 0

    def follow(self) -> None:
        """Hand on what has come since."""
        if self._on_line is None:
            return
        size = os.fstat(self._descriptor).st_size
        whole, newline, _ = os.pread(self._descriptor, size - self._offset, self._offset).rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            self._on_line(line.decode("utf-8", errors="replace"))


def _whole(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", errors="replace")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask, then insist: a second Ctrl-C while asking goes straight to insisting."""
    if child.poll() is not None:
        return
    for number, patience in ((signal.SIGINT, _GENTLE_SECONDS), (signal.SIGTERM, _FIRM_SECONDS)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        try:
            child.wait(patience)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
        return
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
