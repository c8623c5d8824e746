"""What a ledger holds: numbered entries, each naming the digest of the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError

SCHEMA = 1


class Kind(StrEnum):
    """What an entry says."""

    GENESIS = "genesis"
    CANDIDATE = "candidate"
    SHOWN = "shown"
    APPROVAL = "approval"
    REJECTION = "rejection"
    START = "start"
    END = "end"


class Operation(StrEnum):
    """What a promotion does to an instance."""

    FORWARD = "forward"
    DESTROY = "destroy"


class Outcome(StrEnum):
    """How a promotion ended."""

    SUCCEEDED = "SUCCEEDED"
    """The change was applied and proven."""
    FAILED = "FAILED"
    """The change did not hold: an apply, a smoke check or the second plan said so."""
    ERRORED = "ERRORED"
    """The machinery broke; what it was doing may be half done."""
    REFUSED = "REFUSED"
    """A gate said no before anything was changed."""


_INSTANCE_FIELDS = {"environment": str, "suffix": str, "release": str}
_FIELDS: dict[Kind, dict[str, type | tuple[type, ...]]] = {
    Kind.GENESIS: {"project": str},
    Kind.CANDIDATE: {
        "release": str,
        "commit": (str, type(None)),
        "subject": (str, type(None)),
        "dirty": bool,
        "dirty_allowed": bool,
    },
    Kind.SHOWN: {
        **_INSTANCE_FIELDS,
        "change_set": str,
        "operation": str,
        "needs_person": list,
        "reasons": list,
    },
    Kind.APPROVAL: {
        **_INSTANCE_FIELDS,
        "change_set": str,
        "shown": str,
        "findings": list,
        "reason": str,
        "expires": str,
    },
    Kind.REJECTION: {**_INSTANCE_FIELDS, "change_set": str, "shown": str, "reason": str},
    Kind.START: {**_INSTANCE_FIELDS, "change_set": str, "operation": str, "approvals": list},
    Kind.END: {
        **_INSTANCE_FIELDS,
        "start": str,
        "operation": str,
        "outcome": str,
        "reason": (str, type(None)),
        "proof": dict,
    },
}


class LedgerError(TollgateError):
    """The ledger is not what it must be, so nothing may rest on it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the ledger does not verify: {what}",
            "nothing was changed; restore it from a clone or a backup before you promote again",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record: what happened, when, who said so.

    Attributes:
        number: 1 for genesis, then one more each.
        previous: Digest of the entry before, None for genesis.
        kind: What it says.
        at: When, RFC 3339 in UTC with whole seconds.
        by: Who, in words (a person's name, a workflow).
        body: The kind's own fields.
    """

    number: int
    previous: str | None
    kind: Kind
    at: str
    by: str
    body: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """Its exact bytes."""
        return canonical_bytes(
            {
                "schema": SCHEMA,
                "number": self.number,
                "previous": self.previous,
                "kind": self.kind,
                "at": self.at,
                "by": self.by,
                "body": dict(self.body),
            }
        )

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits over its exact bytes."""
        return sha256_digest(self.content)

    @property
    def time(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.at)

    @classmethod
    def from_json(cls, document: Any) -> "Entry":
        """Read an entry strictly: known schema, known kind, exactly the kind's fields.

        Raises:
            LedgerError: Something is missing, unknown or of the wrong type.
        """
        expected = {"schema", "number", "previous", "kind", "at", "by", "body"}
        if not isinstance(document, dict) or set(document) != expected:
            raise LedgerError("an entry has other fields than an entry has")
        number, kind_name, body = document["number"], document["kind"], document["body"]
        if document["schema"] != SCHEMA:
            raise LedgerError(
                f"entry {number} has schema {document['schema']!r}; this version knows {SCHEMA}"
            )
        try:
            kind: Kind | None = Kind(kind_name)
        except ValueError:
            kind = None
        if kind is None or not _is_time(document["at"]):
            raise LedgerError(f"entry {number} is of the unknown kind {kind_name!r} or has no time")
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(document["by"], str):
            raise LedgerError(f"entry {number!r} has fields of the wrong type")
        previous = document["previous"]
        if not (previous is None or isinstance(previous, str)):
            raise LedgerError(f"entry {number} names no entry before it")
        check_body(kind, body, number)
        return cls(
            number=number, previous=previous, kind=kind, at=document["at"], by=document["by"], body=body
        )


def check_body(kind: Kind, body: Any, number: int) -> None:
    """Refuse a body that has not exactly its kind's fields, each of its type.

    Raises:
        LedgerError: It has not.
    """
    fields = _FIELDS[kind]
    if not isinstance(body, Mapping) or set(body) != set(fields):
        raise LedgerError(f"entry {number} ({kind}) has other fields than a {kind} has")
    for name, expected in fields.items():
        if not isinstance(body[name], expected):
            raise LedgerError(f"entry {number} ({kind}) has a {name} of the wrong type")
    # What nobody knows must not pass for good: an unknown end for a healthy instance, a bad date for an endless yes.
    if "operation" in fields and body["operation"] not in set(Operation):
        raise LedgerError(f"entry {number} ({kind}) has the unknown operation {body['operation']!r}")
    if kind is Kind.END and body["outcome"] not in set(Outcome):
        raise LedgerError(f"entry {number} ({kind}) has the unknown outcome {body['outcome']!r}")
    if kind is Kind.APPROVAL and not _is_time(body["expires"]):
        raise LedgerError(f"entry {number} ({kind}) has an expires that is no time")


def _is_time(text: Any) -> bool:
    """Whether `text` is a moment that can be compared with another one: a date, a time and a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (ValueError, TypeError):
        return False


def verify_chain(entries: Sequence[Entry]) -> None:
    """Refuse entries that are not one unbroken chain from genesis.

    Raises:
        LedgerError: A number is skipped, a digest does not fit, or genesis is not first.
    """
    previous: Entry | None = None
    for position, entry in enumerate(entries, start=1):
        if entry.number != position:
            raise LedgerError(f"entry {position} is missing (found {entry.number} in its place)")
        if (entry.kind is Kind.GENESIS) != (position == 1):
            raise LedgerError(f"entry {position} is {entry.kind}; genesis is the first and only the first")
        if entry.previous != (previous.digest if previous else None):
            raise LedgerError(f"entry {position} does not follow the entry before it")
        previous = entry
