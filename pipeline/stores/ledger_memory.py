"""What this clone remembers of a ledger: the highest entry it verified, so that nobody can take one back unseen.

Beside it stand the verified entries themselves, so that a long ledger is not verified again on every look.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.host.files import write_atomically
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import LedgerError, RefusedError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import PublicKey

_SCHEMA = 1
_HEAD = "head.json"
_VERIFIED = "verified.jsonl"
_KINDS = {kind.value: kind for kind in Kind}
_KEEP_EVERY = 64
"""Entries verified again on each look at most; writing all of them on every look would cost more."""


@dataclass(frozen=True, slots=True)
class Head:
    """The highest entry that was verified here.

    Attributes:
        number: Its number; 0 where none was.
        digest: Its digest.
        commit: The commit that holds it.
    """

    number: int = 0
    digest: str = ""
    commit: str = ""

    def insist_in(self, entries: Sequence[Entry]) -> None:
        """Refuse entries among which it is not.

        Raises:
            LedgerError: It is missing, or another one stands in its place.
        """
        if self.number and (len(entries) < self.number or entries[self.number - 1].digest != self.digest):
            raise LedgerError(
                f"it no longer holds entry {self.number} ({self.digest}), which this clone verified before"
            )


_HELD: dict[Path, tuple[str, tuple[Entry, ...]]] = {}
"""By each memory: the last commit that this process verified, and its entries. One command looks several times."""


@dataclass(frozen=True, slots=True)
class LedgerMemory:
    """The memory of one ledger.

    Attributes:
        folder: Where it is kept, outside the ledger itself.
    """

    folder: Path

    def head(self) -> Head:
        """Return the highest entry verified here.

        Raises:
            LedgerError: The memory is damaged, so that nobody can say what was seen before.
        """
        try:
            found = json.loads((self.folder / _HEAD).read_bytes())
            return Head(int(found["number"]), str(found["digest"]), str(found["commit"]))
        except FileNotFoundError:
            return Head()
        except (OSError, ValueError, TypeError, KeyError) as error:
            message = f"what this clone remembers of it ({self.folder / 'head.json'}) cannot be read: {error}"
            raise LedgerError(message) from None

    def entries(self, commits: Sequence[str]) -> tuple[Entry, ...]:
        """Return the entries verified here before, if the ledger's commits still hold them; none where unsure."""
        commit, held = _HELD.get(self.folder, ("", ()))
        if held and len(held) <= len(commits) and commits[len(held) - 1] == commit:
            return held  # a commit's name stands for all that it holds and all before it
        header, rows = self._kept()
        number = header.get("entries", 0)
        if not rows or len(commits) < number or commits[number - 1] != header["commit"]:
            return ()
        try:
            if sha256_digest(rows) != header["digest"]:
                return ()
            keys = {row["keyid"]: PublicKey.from_json(row) for row in header["keys"]}
            return tuple(_entry(row, keys) for row in json.loads(rows))
        except (ValueError, TypeError, KeyError, IndexError, RefusedError):
            return ()  # it only saves time: what cannot be read is verified again

    def remember(self, entries: Sequence[Entry], commits: Sequence[str]) -> None:
        """Keep what was just verified; the head only ever goes forward."""
        if len(entries) >= _KEEP_EVERY:
            _HELD[self.folder] = (commits[len(entries) - 1], tuple(entries))
        if not entries or entries[-1].number <= self.head().number:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        newest, commit = entries[-1], commits[len(entries) - 1]
        if newest.number - self._kept()[0].get("entries", 0) >= _KEEP_EVERY:
            rows = canonical_bytes([_row(entry) for entry in entries])
            keys = {entry.key.keyid: entry.key.to_json() for entry in entries if entry.key is not None}
            header = {
                "schema": _SCHEMA,
                "entries": newest.number,
                "commit": commit,
                "digest": sha256_digest(rows),
                "keys": list(keys.values()),
            }
            write_atomically(self.folder / _VERIFIED, canonical_bytes(header) + b"\n" + rows)
        head = {"number": newest.number, "digest": newest.digest, "commit": commit}
        write_atomically(self.folder / _HEAD, canonical_bytes(head))

    def _kept(self) -> tuple[dict[str, Any], bytes]:
        try:
            first, _, rows = (self.folder / _VERIFIED).read_bytes().partition(b"\n")
            header = json.loads(first)
            return (header, rows) if header["schema"] == _SCHEMA and header["entries"] > 0 else ({}, b"")
        except (OSError, ValueError, TypeError, KeyError):
            return {}, b""


def _row(entry: Entry) -> dict[str, Any]:
    document = json.loads(entry.content)
    return {"entry": document, "sealed": entry.sealed, "key": entry.key.keyid if entry.key else None}


def _entry(row: Any, keys: dict[str, PublicKey]) -> Entry:
    document = row["entry"]
    # Built directly: `from_json` asked everything of it when it was verified, and the digest says it is the same.
    return Entry(
        number=document["number"],
        previous=document["previous"],
        kind=_KINDS[document["kind"]],
        at=document["at"],
        by=document["by"],
        body=document["body"],
        documents=document["documents"],
        sealed=row["sealed"],
        key=keys[row["key"]],
    )
