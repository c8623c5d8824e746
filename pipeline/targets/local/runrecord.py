"""Which process serves an account: written when it starts to answer, removed when it stops cleanly."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.host.files import write_atomically


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of one account's process.

    Attributes:
        pid: Its process id (`liveness` says whether that process still is).
        port: Where it answers.
        since: When it started to answer, ISO 8601.
        token: What a caller must show to ask for a checkpoint, and what the process shows in return.
    """

    pid: int
    port: int
    since: str
    token: str

    @classmethod
    def of_this_process(cls, port: int, token: str) -> "RunRecord":
        """Return the record of the process that asks."""
        return cls(
            pid=os.getpid(),
            port=port,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            token=token,
        )

    @classmethod
    def read(cls, path: Path) -> "RunRecord | None":
        """Return the record at `path`, or None where there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Put the record at `path`."""
        write_atomically(path, json.dumps(asdict(self), sort_keys=True).encode())

    @property
    def endpoint(self) -> str:
        """The address that the port means."""
        return endpoint_at(self.port)


def endpoint_at(port: int) -> str:
    """Return the address of an account that answers on `port`."""
    return f"http://127.0.0.1:{port}"
