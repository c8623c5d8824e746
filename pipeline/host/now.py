"""What each of our processes is doing at this moment, in one line, for whoever watches from another process."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MAX_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Now:
    """One short file for each process. It is a courtesy: nothing rests on it, and nothing fails for want of it.

    Attributes:
        home: The home folder; where it is not there yet, nothing is written.
    """

    home: Path

    def tell(self, text: str) -> None:
        """Say what this process does now."""
        if not self.home.is_dir():
            return
        path = self._path(os.getpid())
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.write_text(text[:_MAX_LENGTH], encoding="utf-8", errors="backslashreplace")
            fresh.replace(path)

    def forget(self) -> None:
        """Take back what this process said."""
        with suppress(OSError):
            self._path(os.getpid()).unlink()

    def of(self, pid: int) -> str | None:
        """Return what a process said last; None where it said nothing."""
        try:
            return self._path(pid).read_text(encoding="utf-8", errors="replace") or None
        except OSError:
            return None

    def _path(self, pid: int) -> Path:
        return self.home / "now" / str(pid)
