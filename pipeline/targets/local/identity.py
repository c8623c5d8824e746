"""Whose account a folder holds, and the port it answers on: the two facts that outlive every run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError


@dataclass(frozen=True, slots=True)
class Identity:
    """What `account.json` holds.

    Attributes:
        environment: The environment whose account it is.
        account_id: Twelve digits.
        region: Its region.
        port: Where it answered last; None before its first start.
        port_is_fixed: Whether another port is out of the question.
    """

    environment: str
    account_id: str
    region: str
    port: int | None
    port_is_fixed: bool

    @classmethod
    def read(cls, path: Path) -> "Identity | None":
        """Return the identity at `path`, or None where there is none yet.

        Raises:
            TollgateError: There is one, but it cannot be read.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            message = f"{path} should say whose local account this is, but cannot be read"
            raise TollgateError(message, "remove this local cloud with `tollgate cloud reset`") from error

    def write(self, path: Path) -> None:
        """Put the identity at `path`."""
        write_atomically(path, json.dumps(asdict(self), sort_keys=True, indent=2).encode() + b"\n")
