"""Where one account keeps what: every path below its folder, in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of one account, mode 0700.

    Attributes:
        folder: `<home>/cloud/<environment>`.
    """

    folder: Path

    @property
    def identity(self) -> Path:
        """Whose account this is and the port it had: JSON, kept over restarts."""
        return self.folder / "account.json"

    @property
    def run(self) -> Path:
        """The process that serves it: there while it runs, and after an unclean end."""
        return self.folder / "run.json"

    @property
    def lock(self) -> Path:
        """Held by the serving process as long as it lives, so that there is never a second one."""
        return self.folder / "serving.lock"

    @property
    def state(self) -> Path:
        """Folder of the snapshot and of what it refers to: function packages, by digest."""
        return self.folder / "state"

    @property
    def snapshot(self) -> Path:
        """The state of every service but S3's objects, as of the last checkpoint."""
        return self.state / "snapshot.json"

    @property
    def objects(self) -> Path:
        """S3's objects, written as they come."""
        return self.folder / "s3"

    @property
    def journal(self) -> Path:
        """What was changed since the last checkpoint; says what an unclean end lost."""
        return self.folder / "journal.jsonl"

    @property
    def journal_being_saved(self) -> Path:
        """The journal's part that a checkpoint under way covers."""
        return self.folder / "journal.saving.jsonl"

    @property
    def vanished(self) -> Path:
        """What the last unclean end lost; removed by the next clean stop."""
        return self.folder / "vanished.json"

    @property
    def losses(self) -> Path:
        """Folder of what tells whether something that was deployed may be gone."""
        return self.folder / "losses"

    @property
    def scratch(self) -> Path:
        """Temporary files: unpacked functions; emptied at each start."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        """What the account did, rotated."""
        return self.folder / "account.log"

    @property
    def output(self) -> Path:
        """What its process wrote outside its log, of this start only."""
        return self.folder / "output.log"
