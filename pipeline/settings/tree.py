"""Which files of a checkout are settings: what decides over a release, and nothing that a tool leaves behind."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.settings.reading import SettingsError

_FILES = ("noxfile.py", "requirements/policies.txt", "tollgate.toml")
_FOLDERS = ("environments", "policies")
_PART = re.compile(r"[A-Za-z0-9_.-]+")
_LEFT_BEHIND = {"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"}
_MAX_BYTES = 8 * 1024 * 1024
_DEADLINE_SECONDS = 60


def is_setting(name: str) -> bool:
    """Whether a path below a project's root, in its plain spelling, is that of a settings file.

    Compiled Python is none: it would run in the place of the source that people read.
    """
    parts = name.split("/")
    plain = all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
    placed = name in _FILES or (len(parts) > 1 and parts[0] in _FOLDERS)
    return plain and placed and not _is_left_behind(name)


def read_tree(root: Path) -> dict[str, bytes]:
    """Return every settings file of a checkout, by its path.

    In a git checkout a file that git ignores is none: everybody else lacks it.

    Raises:
        SettingsError: One is a link or no file, has a name that not every machine can keep, or cannot be read.
    """
    files = {}
    for name in sorted(set(_tracked(root) or _found(root))):
        content = None if _is_left_behind(name) else _plain(root, name)
        if content is None:
            continue
        if not is_setting(name):
            message = f"{name!r} is no name for a settings file"
            raise SettingsError(message, "use letters, digits and _ . - only")
        files[name] = content
    total = sum(len(content) for content in files.values())
    if total > _MAX_BYTES:
        message = f"the settings have {total:,} bytes; at most {_MAX_BYTES:,} can be pinned"
        raise SettingsError(message, "look below environments/ and policies/ for what is no setting")
    return files


def _is_left_behind(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(_LEFT_BEHIND & set(path.parts)) or path.suffix in {".pyc", ".pyo"}


def _plain(root: Path, name: str) -> bytes | None:
    """Return the bytes of a plain file, None where git knows one that is gone."""
    path = root
    for part in name.split("/"):
        path /= part
        if path.is_symlink():
            message = f"{name} is a link or lies behind one, so what it says can change unseen"
            raise SettingsError(message, "put the file itself there: settings are pinned as plain files")
    if not path.exists():
        return None
    if not path.is_file():
        message = f"{name} is no plain file"
        raise SettingsError(message, "settings are pinned as plain files: move it away")
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise SettingsError(message, "check its permissions") from error


def _tracked(root: Path) -> list[str] | None:
    """Return what git tracks or would track; None where it cannot tell."""
    if not (root / ".git").exists():
        return None
    listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_FILES, *_FOLDERS]
    # A hook that starts us has GIT_DIR set to the repository that was pushed to.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        result = subprocess.run(
            ["git", "--literal-pathspecs", "-C", str(root), *listed],
            capture_output=True,
            env=environment,
            timeout=_DEADLINE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if result.returncode != 0:
        return None
    return [name for name in result.stdout.decode(errors="surrogateescape").split("\0") if name]


def _found(root: Path) -> Iterator[str]:
    """Yield what lies there; a linked folder stands for itself."""
    yield from _FILES
    for top in _FOLDERS:
        if (root / top).is_symlink():
            yield top
        for folder, folders, names in os.walk(root / top):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in (*names, *links):
                yield (Path(folder) / name).relative_to(root).as_posix()
