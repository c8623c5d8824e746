"""The newest ledger entry, noted beside an instance's state: whoever shortens the ledger does not hold this too."""

import json
import re
from dataclasses import dataclass
from typing import Any

from pipeline.model.environment import Instance
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.strict_json import fields, text, typed

_SCHEMA = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One entry of the ledger, by its place and its content.

    Attributes:
        number: The entry's number, 1 for genesis.
        digest: The entry's digest, `sha256:…`.
    """

    number: int
    digest: str

    def __post_init__(self) -> None:
        if type(self.number) is not int or self.number < 1 or not _DIGEST.fullmatch(self.digest):
            message = f"entry {self.number!r} with the digest {self.digest!r} cannot be an anchor"
            raise TollgateError(message, "this is no entry of a ledger; report it")

    def insist_follows(self, before: "Anchor", instance: Instance) -> None:
        """Make sure that this may take the place of `before`.

        Raises:
            TollgateError: It is older, or another entry of the same number.
        """
        if self.number < before.number:
            message = (
                f"the anchor of {instance} is entry {before.number}, but this ledger ends at {self.number}"
            )
        elif self.number == before.number and self.digest != before.digest:
            message = f"the anchor of {instance} is another entry {before.number} than this ledger's"
        else:
            return
        raise TollgateError(message, "restore the ledger from a clone or a backup that holds that entry")

    def to_json(self) -> bytes:
        """Return the object's content."""
        return json.dumps({"schema": _SCHEMA, "number": self.number, "digest": self.digest}).encode()

    @classmethod
    def from_json(cls, content: bytes, where: str) -> "Anchor":
        """Return the anchor that an object holds.

        Raises:
            TollgateError: It holds none.
        """
        try:
            found = fields(_parsed(content), where, required=("schema", "number", "digest"))
            if typed(found["schema"], int, where) != _SCHEMA:
                raise RefusedError(f"{where} has a schema that this version does not know")
            return cls(typed(found["number"], int, where), text(found["digest"], where))
        except TollgateError as error:
            message = f"{where} is damaged: {error.message}"
            raise TollgateError(message, "restore an older version of it; the bucket is versioned") from None


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
