"""What the tests with a real Dagger engine share; `dagger run nox -s test -- tests/engine` runs them."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.meta.repository import ROOT, tracked

_DEADLINE_SECONDS = 3600

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def dagger() -> str:
    """The `dagger` program, where this runs under `dagger run`."""
    found = shutil.which("dagger")
    if not os.environ.get("DAGGER_SESSION_PORT") or found is None:
        pytest.skip("there is no Dagger engine here: `dagger run nox -s test -- tests/engine` brings one")
    return found


@pytest.fixture(scope="session")
def checkout(dagger: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout of these files that no engine has ever seen: even its tools are installed anew."""
    root = tmp_path_factory.mktemp("engine") / "checkout"
    for path in tracked():
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    with (root / "LICENSE").open("a", encoding="utf-8") as file:
        file.write(f"\nThis copy is {uuid.uuid4()}.\n")
    for arguments in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "All of it"],
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True)
    return root


@pytest.fixture(scope="session")
def tollgate(checkout: Path) -> Run:
    """Runs a verb of the checkout's own pipeline; words before it, such as `dagger run`, may be given."""

    def run(
        *arguments: str, under: tuple[str, ...] = (), home: str = "home"
    ) -> subprocess.CompletedProcess[str]:
        # A session of its own each time, as for somebody who types the command.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAGGER_SESSION")}
        environment = kept | {
            "NO_COLOR": "1",
            "PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "app")]),
            "TOLLGATE_HOME": str(checkout.parent / home),
            "TOLLGATE_PROJECT": str(checkout),
        }
        return subprocess.run(
            [*under, sys.executable, "-m", "pipeline", *arguments],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )

    return run
