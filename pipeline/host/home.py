"""Where Tollgate keeps what is not source: one folder, outside git, readable by its owner only."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.model.errors import TollgateError


def project_root() -> Path:
    """Return the checkout whose settings, stacks and checks count: `TOLLGATE_PROJECT`, else the one we are part of."""
    chosen = os.environ.get("TOLLGATE_PROJECT")
    return Path(chosen).expanduser().resolve() if chosen else Path(__file__).resolve().parents[2]


def home_path() -> Path:
    """Return where the home of this checkout is, or would be: `TOLLGATE_HOME`, else `.tollgate` in it."""
    chosen = os.environ.get("TOLLGATE_HOME")
    return Path(chosen).expanduser().resolve() if chosen else project_root() / ".tollgate"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders below `.tollgate` (or `TOLLGATE_HOME`).

    Attributes:
        path: The folder itself, mode 0700.
    """

    path: Path

    @classmethod
    def find(cls) -> "Home":
        """Return the home of this checkout, made if it is not there yet.

        Raises:
            TollgateError: The folder cannot be made or written.
        """
        path = home_path()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
        except OSError as error:
            message = f"the folder {path} cannot be used: {error.strerror or error}"
            raise TollgateError(message, "free it or set TOLLGATE_HOME to a folder of yours") from error
        return cls(path)

    def folder(self, name: str) -> Path:
        """Return the sub-folder `name`, made if it is not there yet."""
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {folder} cannot be made: {error.strerror or error}"
            raise TollgateError(message, f"see what stands in the way at {folder}") from error
        return folder

    @property
    def releases(self) -> Path:
        """The release store: an OCI image layout."""
        return self.folder("releases")

    @property
    def ledger(self) -> Path:
        """The ledger: a bare git repository."""
        return self.path / "ledger.git"

    @property
    def work(self) -> Path:
        """Private folders for one run each; whatever is left in them is of no value."""
        return self.folder("work")

    @property
    def locks(self) -> Path:
        """One file per lock."""
        return self.folder("locks")

    @property
    def cache(self) -> Path:
        """What can be made again: downloaded wheels, provider plugins."""
        return self.folder("cache")

    @property
    def logs(self) -> Path:
        """What children said, newest run last."""
        return self.folder("logs")
