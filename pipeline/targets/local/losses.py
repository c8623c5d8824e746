"""That an account may lack what it held, and whom it was looked into for since: known until each was."""

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.files import write_atomically


@dataclass(frozen=True, slots=True)
class Losses:
    """What one account remembers of it, as files.

    Attributes:
        folder: Where they are; it goes with the account.
    """

    folder: Path

    def happened(self) -> None:
        """Take down that the account may have lost something just now.

        Raises:
            TollgateError: It cannot be written.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_atomically(self._last, str(time.time_ns()).encode())

    def may_concern(self, who: str) -> bool:
        """Whether something may have been lost of `who` that nobody has looked for since."""
        last = _read(self._last)
        return last is not None and _read(self._looked(who)) != last

    def looked_into(self, who: str) -> None:
        """Take down that all of `who` is there, as somebody has just seen.

        Raises:
            TollgateError: It cannot be written.
        """
        if self.may_concern(who):
            write_atomically(self._looked(who), self._last.read_bytes())

    @property
    def _last(self) -> Path:
        return self.folder / "last"

    def _looked(self, who: str) -> Path:
        return self.folder / f"looked-into.{who}"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
