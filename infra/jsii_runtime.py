"""Talks to jsii's program in one Node.js, where jsii itself would put a second one between."""

import atexit
import base64
import contextlib
import json
import sys
import threading
from typing import IO, Any

from jsii._kernel.providers import process as jsii_process

from infra import node
from infra.errors import InfraError

# How long to wait for the last words of a Node.js that has ended.
_LAST_WORDS_SECONDS = 1.0


def prepare() -> None:
    """Have jsii use our Node.js, unless it is to be used as it was published."""
    if not node.as_it_comes():
        jsii_process._NodeProcess = _OneProcess  # type: ignore[misc]  # a class is put in place of another


# ruff: noqa: SLF001 - jsii has no other way to say how it is started; its version is exact, and tests hold it to this.
class _OneProcess(jsii_process._NodeProcess):
    """Node.js without the second one: each message takes half the way."""

    def start(self) -> None:
        """Take the Node.js that is on its way, and wait until it is there.

        Raises:
            InfraError: If there is none.
        """
        started = node.running()
        self._process = started.process
        self._ctx_stack.enter_context(started.program)
        self.sink_thread = threading.Thread(target=_pass_on, args=(self._process.stderr,), daemon=True)
        self.sink_thread.start()
        atexit.register(self.stop)
        self.handshake()

    def send(self, request: Any, response_type: Any) -> Any:
        """Ask, and wait for the answer.

        Raises:
            InfraError: If there is nobody to answer.
        """
        try:
            return super().send(request, response_type)
        except BrokenPipeError as trouble:
            raise self._gone() from trouble

    def stop(self) -> None:
        """End it; one that was killed has ended."""
        with contextlib.suppress(BrokenPipeError):
            super().stop()

    def _next_message(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        return json.loads(line, object_hook=jsii_process.ohook)

    def _gone(self) -> InfraError:
        self.sink_thread.join(_LAST_WORDS_SECONDS)
        return InfraError(
            "Node.js, which jsii needs, ended before it answered",
            hint="what it said stands above; if that is nothing, look for what killed it, such as a lack of memory",
        )


def _pass_on(printed: IO[bytes]) -> None:
    """Write what is printed to where it belongs: the program wraps it, a Node.js that breaks does not."""
    for line in iter(printed.readline, b""):
        try:
            told = json.loads(line)
        except ValueError:
            told = {"stderr": base64.b64encode(line)}
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            stream.buffer.write(base64.b64decode(told.get(name, "")))
            stream.flush()
