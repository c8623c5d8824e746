"""Who may say what at each point of the ledger: the pinned settings and the keys, entry after entry.

Trust never comes from the thing being judged. Genesis pins the first settings and keys; the next count once as many
approvers as the settings before them ask for have each signed an entry that names them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import LedgerError, RefusedError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import Keyring, PublicKey, Role, distinct


@dataclass(frozen=True, slots=True)
class Authority:
    """What counts after an entry.

    Attributes:
        settings: Digest of the pinned settings; empty before genesis.
        pinned_by: The entry that pinned them.
        quorum: How many approvers must sign the next ones.
        keys: Every key, with the entries over which it is valid.
        proposed: Settings that too few have signed yet: what is proposed, to who signed it.
    """

    settings: str = ""
    pinned_by: Entry | None = None
    quorum: int = 1
    keys: Keyring = field(default_factory=Keyring)
    proposed: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)

    def after(self, entry: Entry) -> "Authority":
        """Return what counts behind `entry`, which has been verified."""
        if entry.kind is Kind.GENESIS:
            return self._pin(entry)
        if entry.kind is Kind.REVOCATION:
            key = str(entry.body["key"])
            return replace(
                self, keys=self._without(key, entry.number), proposed=_unsigned(self.proposed, key)
            )
        if entry.kind is not Kind.SETTINGS:
            return self
        what = sha256_digest(
            canonical_bytes({name: entry.body[name] for name in ("settings", "keys", "quorum")})
        )
        signed = (*self.proposed.get(what, ()), entry)
        if distinct_signers(signed) >= self.quorum:
            return self._pin(entry)
        return replace(self, proposed={**self.proposed, what: signed})

    def _without(self, keyid: str, number: int) -> Keyring:
        try:
            return self.keys.without(keyid, number + 1)
        except RefusedError as error:
            raise LedgerError(error.message) from None

    def _pin(self, entry: Entry) -> "Authority":
        named = named_keys(entry.body["keys"], entry.number)
        keys, number = self.keys, entry.number if entry.kind is Kind.GENESIS else entry.number + 1
        kept = {key.keyid for key in named}
        for key in keys.at(number):
            if key.keyid not in kept:
                keys = keys.without(key.keyid, number)
        for key in named:
            if keys.key_at(key.keyid, number) != key:
                keys = keys.with_key(key, number)
        return Authority(str(entry.body["settings"]), entry, int(entry.body["quorum"]), keys)

    @property
    def approvers(self) -> tuple[PublicKey, ...]:
        """The approvers' keys that the pinned settings name, whether revoked since or not."""
        named = (
            () if self.pinned_by is None else named_keys(self.pinned_by.body["keys"], self.pinned_by.number)
        )
        return tuple(key for key in named if key.role is Role.APPROVER)


def _unsigned(proposed: Mapping[str, tuple[Entry, ...]], keyid: str) -> dict[str, tuple[Entry, ...]]:
    """Return what is proposed without what a key signed: one that was stolen must not be half of a later yes."""
    left = {
        what: tuple(entry for entry in signed if entry.key is None or entry.key.keyid != keyid)
        for what, signed in proposed.items()
    }
    return {what: signed for what, signed in left.items() if signed}


def named_keys(documents: Sequence[Any], number: int) -> tuple[PublicKey, ...]:
    """Read the keys that entry `number` names.

    Raises:
        LedgerError: One of them is none, or is named twice.
    """
    try:
        keys = tuple(PublicKey.from_json(document) for document in documents)
    except RefusedError as error:
        raise LedgerError(f"entry {number} names a key that is none: {error.message}") from None
    if len(distinct(keys)) != len(keys):
        raise LedgerError(f"entry {number} names one key twice; each power needs a key of its own")
    return keys


def distinct_signers(entries: Sequence[Entry]) -> int:
    """Return how many different people with different keys stand behind entries: the smaller of both counts.

    One key may bear two names and one person may hold two keys; neither is a second opinion.
    """
    people = {entry.by for entry in entries}
    keys = distinct(entry.key for entry in entries if entry.key is not None)
    return min(len(people), len(keys))
