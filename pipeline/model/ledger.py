"""What a ledger holds: numbered entries, each naming the digest of the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.entry_body import check_body, is_time
from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind
from pipeline.model.trust import PublicKey

SCHEMA = 2


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
        documents: What is kept beside it: name to `sha256:` digest.
        sealed: Digest of the exact signed bytes in which it stands; None for one that is not signed yet.
        key: The key that signed them, once that is verified.
    """

    number: int
    previous: str | None
    kind: Kind
    at: str
    by: str
    body: Mapping[str, Any]
    documents: Mapping[str, str] = field(default_factory=dict)
    sealed: str | None = None
    key: PublicKey | None = None

    @property
    def content(self) -> bytes:
        """What is signed: its fields in their one spelling."""
        return canonical_bytes(
            {
                "schema": SCHEMA,
                "number": self.number,
                "previous": self.previous,
                "kind": self.kind,
                "at": self.at,
                "by": self.by,
                "body": dict(self.body),
                "documents": dict(self.documents),
            }
        )

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits over its exact bytes, signature included."""
        return self.sealed or sha256_digest(self.content)

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
        expected = {"schema", "number", "previous", "kind", "at", "by", "body", "documents"}
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
        if kind is None or not is_time(document["at"]):
            raise LedgerError(f"entry {number} is of the unknown kind {kind_name!r} or has no time")
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(document["by"], str):
            raise LedgerError(f"entry {number!r} has fields of the wrong type")
        previous = document["previous"]
        if not (previous is None or isinstance(previous, str)):
            raise LedgerError(f"entry {number} names no entry before it")
        check_body(kind, body, number)
        documents = document["documents"]
        if not isinstance(documents, dict) or not all(isinstance(value, str) for value in documents.values()):
            raise LedgerError(f"entry {number} names documents without digests")
        return cls(
            number=number,
            previous=previous,
            kind=kind,
            at=document["at"],
            by=document["by"],
            body=body,
            documents=documents,
        )


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
