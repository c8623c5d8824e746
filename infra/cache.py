"""A private folder of the user's cache, for what can be made again at any time."""

import os
import stat
from pathlib import Path


def cache_folder(name: str) -> Path | None:
    """The folder `name` of our cache, or None where there can be none that only its user may write to.

    What lies there is code that will run, so every folder above it counts too.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or "")
    try:
        base = root if root.is_absolute() else Path.home() / ".cache"
        folder = base.resolve() / "tollgate" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if all(_is_ours(each) for each in (folder, *folder.parents)) else None
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None


def _is_ours(folder: Path) -> bool:
    """Whether nobody but its user (or root) can put something into the folder or in its place."""
    status = folder.stat()
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    # In a sticky folder like /tmp others may add their own, but not touch ours.
    return status.st_uid in (0, os.getuid()) and (not open_to_others or bool(status.st_mode & stat.S_ISVTX))
