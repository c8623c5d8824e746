"""Entries as they stand in the ledger: signed envelopes, opened only for a key that counts and may say this."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.model.authority import Authority, named_keys
from pipeline.model.canonical import sha256_digest
from pipeline.model.errors import LedgerError, RefusedError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.powers import insist_on_power
from pipeline.model.trust import PublicKey
from pipeline.trust.envelope import SignatureError, SigningKey, open_envelope, sign

PAYLOAD_TYPE = "application/vnd.tollgate.entry+json"


def seal(entry: Entry, signer: SigningKey) -> bytes:
    """Return the entry in an envelope signed by `signer`."""
    return sign(entry.content, PAYLOAD_TYPE, signer)


def open_sealed(envelopes: Sequence[bytes], before: Sequence[Entry]) -> tuple[tuple[Entry, ...], Authority]:
    """Open the envelopes that stand behind verified entries, oldest first.

    Args:
        envelopes: Exact bytes.
        before: The entries before them.

    Returns:
        All entries, and who may say what behind the last of them.

    Raises:
        LedgerError: A signature, a power or a link is missing or wrong; the message names the entry.
    """
    authority = authority_of(before)
    entries = list(before)
    for raw in envelopes:
        entry = _open(raw, len(entries) + 1, authority)
        if entry.previous != (entries[-1].digest if entries else None):
            raise LedgerError(f"entry {entry.number} does not follow the entry before it")
        insist_on_power(entry)
        authority = authority.after(entry)
        entries.append(entry)
    return tuple(entries), authority


def authority_of(entries: Sequence[Entry]) -> Authority:
    """Return who may say what behind these verified entries."""
    authority = Authority()
    for entry in entries:
        if entry.kind in {Kind.GENESIS, Kind.SETTINGS, Kind.REVOCATION}:
            authority = authority.after(entry)
    return authority


def _open(raw: bytes, number: int, authority: Authority) -> Entry:
    own: dict[str, PublicKey] = {}
    if number == 1:
        # Genesis names the key that signs it: it is the root, trusted by its digest and by nothing else.
        own = {key.keyid: key for key in _keys_of_genesis(raw)}

    def find_key(keyid: str) -> PublicKey | None:
        return own.get(keyid) or authority.keys.key_at(keyid, number)

    try:
        opened = open_envelope(raw, PAYLOAD_TYPE, find_key)
        entry = Entry.from_json(json.loads(opened.payload))
        is_itself = entry.content == opened.payload
    except SignatureError as error:
        raise LedgerError(f"entry {number} is not signed as it must be: {error.message}") from None
    except (ValueError, RecursionError):
        raise LedgerError(f"entry {number} is not JSON") from None
    if not is_itself:
        raise LedgerError(f"entry {number} is not in its one spelling")
    if entry.number != number:
        raise LedgerError(f"entry {number} is missing (found {entry.number} in its place)")
    if (entry.kind is Kind.GENESIS) != (number == 1):
        raise LedgerError(f"entry {number} is {entry.kind}; genesis is the first and only the first")
    return replace(entry, sealed=sha256_digest(raw), key=opened.key)


def _keys_of_genesis(raw: bytes) -> tuple[PublicKey, ...]:
    """Return the keys that genesis names, before its signature is looked at; nothing else is read unverified."""
    try:
        payload: Any = json.loads(base64.b64decode(json.loads(raw)["payload"], validate=True))
        return named_keys(payload["body"]["keys"], 1)
    except (ValueError, TypeError, KeyError, RecursionError, RefusedError):
        raise LedgerError("its first entry is no genesis that names keys") from None
