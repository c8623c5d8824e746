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


def source_at(root: Path, commit: str, *, dirty: bool) -> Source | None:
    """Return what git says of a commit that something was built from; None where this checkout does not have it."""
    described = _git(root, "log", "-1", "--format=%an%n%s", f"{commit}^{{commit}}")
    if described is None:
        return None
    author, _, subject = described.partition("\n")
    return Source(commit, subject or None, author or None, dirty=dirty)


def people_since(root: Path, commit: str | None, until: str = "HEAD") -> frozenset[str]:
    """Return the names and addresses of everyone who wrote or committed what came after `commit`, up to `until`.

    They are free text, as git has them. Where `commit` is None, or is no part of what is checked out (the branch was
    rewritten), everyone who ever wrote counts: nobody can tell what is new.
    """
    known = commit is not None and _git(root, "merge-base", "--is-ancestor", commit, until) is not None
    revisions = f"{commit}..{until}" if known else until
    listed = _git(root, "log", "--format=%an%n%ae%n%cn%n%ce", revisions) or ""
    return frozenset(" ".join(line.split()) for line in listed.splitlines() if line.strip())


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
