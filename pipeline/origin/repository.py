"""The bare repository that is pushed to: made, given its hooks, and named to the clone as a remote."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.files import write_atomically
from pipeline.model.errors import RefusedError, TollgateError, UsageError
from pipeline.origin.git import git, insist, insist_on_version
from pipeline.origin.hooks import MARK, NAMES, Clone, hook
from pipeline.origin.push import BRANCH

REMOTE = "local"


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository that is pushed to.

    Attributes:
        path: The bare repository.
    """

    path: Path

    @property
    def main(self) -> str | None:
        """The commit that the promoted branch names: what is wanted; None before the first push."""
        named = git(self.path, "rev-parse", "--verify", "--quiet", f"refs/heads/{BRANCH}^{{commit}}")
        return named.stdout.strip() or None

    def title(self, commit: str) -> str:
        """Return a commit in a few words: its first digits and its subject."""
        return insist(self.path, "log", "-1", "--format=%h %s", "--abbrev=12", commit)


def make_origin(origin: Origin, clone: Clone, say: Callable[[str], None]) -> None:
    """Make the repository, its hooks and the remote, or bring them up to date; say what was done.

    Raises:
        UsageError: The clone is no git repository.
        RefusedError: Something of somebody else's is where ours would be.
        TollgateError: Git is too old or fails, or the disk does.
    """
    insist_on_version(clone.root)
    top = git(clone.root, "rev-parse", "--show-toplevel").stdout.strip()
    if not top or Path(top).resolve() != clone.root.resolve():
        message = f"{clone.root} is not a git repository, so nothing can be pushed from it"
        raise UsageError(message, "clone the project with git, and run `nox -s origin` in the clone")
    _refuse_other_remote(origin, clone)
    _make_repository(origin, say)
    _write_hooks(origin, clone, say)
    _name_remote(origin, clone, say)


def _make_repository(origin: Origin, say: Callable[[str], None]) -> None:
    path = origin.path
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
        is_bare = path.is_dir() and git(path, "rev-parse", "--is-bare-repository", "--git-dir").stdout.split()
        if is_bare != ["true", "."]:
            message = f"{path} is there, and is no bare git repository"
            raise RefusedError(message, "move it away, or choose another place: `nox -s origin -- --at DIR`")
        say(f"{path} is there")
    else:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        insist(path, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", "--template=", ".")
        say(f"made the bare repository {path}")
    # A person's own setting would send git to other hooks than these.
    insist(path, "config", "core.hooksPath", "hooks")
    insist(path, "config", "core.logAllRefUpdates", "true")


def _write_hooks(origin: Origin, clone: Clone, say: Callable[[str], None]) -> None:
    folder = origin.path / "hooks"
    folder.mkdir(exist_ok=True)
    found = {name: _read(folder / name) for name in NAMES}
    for name, text in found.items():
        if text is not None and MARK not in text:
            message = f"{folder / name} is a hook of somebody else's"
            raise RefusedError(message, "move it away, then run `nox -s origin` again")
    for name, text in found.items():
        wanted = hook(name, folder, clone)
        if text == wanted and (folder / name).stat().st_mode & 0o111:
            say(f"the hook {name} is up to date")
            continue
        write_atomically(folder / name, wanted.encode(), mode=0o755)
        say(f"{'wrote' if text is None else 'updated'} the hook {name}")


def _refuse_other_remote(origin: Origin, clone: Clone) -> None:
    url = _remote_url(clone)
    if url is not None and _place(clone, url) != origin.path.resolve():
        message = f"this clone has a remote {REMOTE!r} already, and it is {url}"
        hint = f"give it another name, `git remote rename {REMOTE} NAME`, then run `nox -s origin` again"
        raise RefusedError(message, hint)


def _name_remote(origin: Origin, clone: Clone, say: Callable[[str], None]) -> None:
    if _remote_url(clone) is not None:
        say(f"the remote {REMOTE} is up to date")
        return
    insist(clone.root, "remote", "add", REMOTE, str(origin.path))
    say(f"added it as the remote {REMOTE}")


def _remote_url(clone: Clone) -> str | None:
    return git(clone.root, "config", "--get", f"remote.{REMOTE}.url").stdout.strip() or None


def _place(clone: Clone, url: str) -> Path | None:
    """Return the folder that a remote's address names, None where it names no folder."""
    if re.match(r"[a-z+]+://", url) and not url.startswith("file://"):
        return None
    return (clone.root / url.removeprefix("file://")).resolve()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise TollgateError(message, "see what stands in its place") from error
