"""Where steps run: on this machine, or in the containers of a Dagger engine that `dagger run` has brought."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from pipeline.build.release import build_release
from pipeline.evidence.checks import Here, Runner
from pipeline.host.home import Home
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.release import Release
from pipeline.settings import Project

CHOICES = ("auto", "require", "off")
"""Containers where there is an engine, else this machine; containers or nothing; this machine."""

_COMMAND = "dagger run nox -s promote"
_SESSION = "DAGGER_SESSION_PORT"


class Place(Protocol):
    """Where a release is built and checked.

    Attributes:
        sentence: Where that is, for the person who watches.
        runner: Where checks run.
    """

    sentence: str
    runner: Runner

    def build(
        self, project: Project, environments: tuple[str, ...], home: Home, say: Callable[[str], None]
    ) -> Release:
        """Build the release and keep it in the store of `home`."""
        ...


class Machine:
    """This machine."""

    def __init__(self, why: str = "as asked") -> None:
        self.sentence = f"on this machine: {why}"
        self.runner: Runner = Here()

    def build(
        self, project: Project, environments: tuple[str, ...], home: Home, say: Callable[[str], None]
    ) -> Release:
        """Build the release and keep it in the store of `home`.

        Raises:
            TollgateError: Something cannot be built.
        """
        return build_release(project, environments, home, say)


def find_place(choice: str, root: Path) -> Place:
    """Return where steps run, by what was asked for and what is there.

    Raises:
        UsageError: The choice is none of `CHOICES`.
        RefusedError: An engine was required, and there is none.
    """
    if choice not in CHOICES:
        message = f"the engine {choice!r} is none; it is one of {', '.join(CHOICES)}"
        raise UsageError(message, "`auto` uses a Dagger engine where there is one")
    if choice == "off":
        return Machine()
    missing = None
    if not os.environ.get(_SESSION):
        missing = "there is no Dagger engine"
    elif not (root / "noxfile.py").is_file():
        missing = "this project has no noxfile for the containers to run"
    if missing is None:
        from pipeline.ci.engine import Containers  # noqa: PLC0415 - the SDK costs a second

        return Containers(pinned_version())
    if choice == "require":
        raise RefusedError(f"{missing}, and `--engine require` needs one", f"run it as `{_COMMAND}`")
    return Machine(f"{missing} (`{_COMMAND}` brings one)")


def pinned_version() -> str:
    """Return the version of the engine that this project is made for: that of the locked SDK."""
    return f"v{version('dagger-io')}"
