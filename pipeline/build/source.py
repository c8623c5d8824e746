"""What git says about the files a release was built from."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DEADLINE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Source:
    """The commit at hand. It is provenance about a release, never part of it.

    Attributes:
        commit: 40 hex digits, None outside a git checkout.
        subject: First line of the commit's message.
        author: Name of its author, which is free text.
        dirty: Whether files differ from the commit (outside git: nobody can tell, so yes).
    """

    commit: str | None
    subject: str | None
    author: str | None
    dirty: bool


def read_source(root: Path) -> Source:
    """Return what git says about the checkout at `root`."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    top = _git(root, "rev-parse", "--show-toplevel")
    if commit is None or top is None or Path(top).resolve() != root.resolve():
        return Source(None, None, None, dirty=True)
    status = _git(root, "status", "--porcelain", "--untracked-files=normal")
    described = _git(root, "log", "-1", "--format=%an%n%s") or ""
    author, _, subject = described.partition("\n")  # a name is always there, a message is not
    return Source(commit, subject or None, author or None, dirty=status is None or status != "")


def _git(root: Path, *arguments: str) -> str | None:
    # A hook that starts us has GIT_DIR set to the repository that was pushed to.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_DEADLINE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
