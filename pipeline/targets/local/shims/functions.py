"""A function finds what Lambda gives it, and nothing of the machine it happens to run on.

The emulator runs functions with its own interpreter, packages and settings, so a dependency missing from the
release would be found here and missed on AWS, and the emulator's `LOG_LEVEL` would set the function's.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

_OFFERED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What a function may import without bringing it: AWS's SDK and what that needs."""


def install(runtime: Path, settings: frozenset[str]) -> None:
    """Run functions with the standard library and the SDK alone, without the emulator's settings."""
    runtime.mkdir(mode=0o700)
    for name in _OFFERED:
        source = _source(name)
        (runtime / source.name).symlink_to(source)
    lambda_runtime.subprocess = _Children(runtime, settings)


def _source(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        message = f"{name} is not installed beside the emulator"
        raise ModuleNotFoundError(message)
    origin = Path(found.origin)
    return origin.parent if origin.name == "__init__.py" else origin


class _Children:
    """Stands where the emulator expects the module `subprocess`; gives its workers Lambda's surroundings."""

    def __init__(self, runtime: Path, settings: frozenset[str]) -> None:
        self._runtime = runtime
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(  # noqa: N802 (the name it stands for)
        self, command: Sequence[str], env: Mapping[str, str], **others: Any
    ) -> subprocess.Popen[str]:
        """Start a worker: `-S` leaves out every installed package but those offered."""
        surroundings = {name: value for name, value in env.items() if name not in self._settings}
        command = list(command)
        if command[0] == sys.executable:
            command.insert(1, "-S")
            surroundings["PYTHONPATH"] = str(self._runtime)
        return subprocess.Popen(command, env=surroundings, **others)
