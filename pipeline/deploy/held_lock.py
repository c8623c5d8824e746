"""A lock as it lies beside an instance's state: a promoter's or Terraform's own."""

import json
from dataclasses import dataclass

from pipeline.host.lock import Owner


@dataclass(frozen=True, slots=True)
class HeldLock:
    """One lock, and whose it is.

    Attributes:
        key: Where it lies.
        tag: Which version of the object it is.
        owner: Whose, in words.
        is_alive_here: Whether the owner is a living process of this machine.
    """

    key: str
    tag: str
    owner: str
    is_alive_here: bool = False

    @classmethod
    def of_promoter(cls, key: str, tag: str, content: bytes) -> "HeldLock":
        """Read a promoter's lock."""
        owner = Owner.from_json(content.decode(errors="replace"))
        alive = owner is not None and owner.is_on_this_host and not owner.is_provably_dead
        return cls(key, tag, str(owner or "somebody unknown"), alive)

    @classmethod
    def of_terraform(cls, key: str, tag: str, content: bytes) -> "HeldLock":
        """Read Terraform's lock: it names user and machine, no process."""
        try:
            found = json.loads(content)
            who = f"Terraform of {found['Who']} since {found['Created']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            who = "a Terraform unknown"
        return cls(key, tag, who)
