"""All that a function writes is in the log of its invocation, and nothing of another one's.

The emulator has a thread that reads what a worker writes, and takes for the whole whatever that thread has handed
over when nothing new has come for five milliseconds. On a busy machine the rest is then found in the log of the
worker's next invocation, or nowhere. A worker answers after it has written, so at its answer everything is in the
pipe or read already: whoever empties the pipe then, alone, has it all and needs to wait for nobody.
"""

import os
import select
import threading
from typing import IO

from ministack.core import lambda_runtime

_MOST_BYTES = 1 << 20
"""More than a pipe holds, so that one read empties it."""


class Output:
    """What one worker process writes to its standard error, kept until somebody takes it.

    Args:
        pipe: The end to read from; `follow` closes it.
    """

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._reading = threading.Lock()
        self._kept = bytearray()
        os.set_blocking(pipe.fileno(), False)

    def follow(self) -> None:
        """Keep the pipe empty, so that the worker never waits, until the worker has ended."""
        incoming = select.poll()
        incoming.register(self._pipe.fileno(), select.POLLIN)
        while not self._pipe.closed:
            incoming.poll()
            with self._reading:
                if self._has_ended():
                    self._pipe.close()

    def take(self) -> str:
        """Return all that was written up to now and not taken before, without the last line's end."""
        with self._reading:
            self._has_ended()
            written = self._kept.decode(errors="replace")
            self._kept.clear()
        return written.removesuffix("\n")

    def _has_ended(self) -> bool:
        """Keep what is in the pipe; return whether nothing will ever come again."""
        if self._pipe.closed:
            return True
        try:
            read = os.read(self._pipe.fileno(), _MOST_BYTES)
        except BlockingIOError:
            return False
        self._kept += read
        return not read


class Worker(lambda_runtime.Worker):  # type: ignore[misc]  # the emulator has no types
    """The emulator's worker for Python and Node.js, with its log read whole."""

    _output: Output

    @property
    def _read_stderr(self) -> object:
        # The emulator asks once for each process, for what its thread is to do, before it sends the first request.
        self._output = Output(self._proc.stderr)
        return self._output.follow

    def _drain_stderr(self) -> str:
        return self._output.take()

    def _drain_stderr_bounded(self) -> str:
        return self._output.take()


def install() -> None:
    """Run functions in workers whose log is read whole."""
    choose = lambda_runtime._worker_class_for  # noqa: SLF001 (where the emulator chooses)

    def corrected(config: object) -> object:
        chosen = choose(config)
        return Worker if chosen is lambda_runtime.Worker else chosen

    lambda_runtime._worker_class_for = corrected  # noqa: SLF001 (as above)
