"""Public keys, what each may sign, and from which ledger entry to which one it may."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pipeline.model import strict_json
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import RefusedError


class Role(StrEnum):
    """What a key has power over. A key has one role; nobody's signature counts for another."""

    BUILDER = "builder"
    """Says from what, and with what, a release was built."""
    CHECKER = "checker"
    """Says what a check found in a release."""
    LEDGER = "ledger"
    """Writes entries of the ledger. It approves nothing and proves nothing about a release."""
    APPROVER = "approver"
    """One person's yes or no to one change set, and to changed settings."""
    WITNESS = "witness"
    """A forge's word that a person it knows said yes or no there."""


_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END PUBLIC KEY-----\n")
_HEX = re.compile(r"[0-9a-f]{64}")
_MAX_PUBLIC_LENGTH = 4096
ED25519 = "ed25519"
SCHEMES = (
    ED25519,
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "rsassa-pss-sha256",
    "rsassa-pss-sha384",
    "rsassa-pss-sha512",
)
"""The schemes of signatures that count, as securesystemslib names them: what key services offer today."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and its power.

    Attributes:
        keyid: SHA-256, 64 hex digits, over the canonical JSON of scheme and public value.
        role: What it may sign.
        scheme: How it signs: one of `SCHEMES`.
        public: ed25519: 64 hex digits; others: PEM, SubjectPublicKeyInfo, in its one spelling.
        person: Whose key it is, the name that approvals are counted by; None for a machine's.
    """

    keyid: str
    role: Role
    scheme: str
    public: str
    person: str | None

    def __post_init__(self) -> None:
        """Refuse a key that is not what its id says.

        Raises:
            RefusedError: The scheme is unknown, the value is misspelt, or the id is another key's.
        """
        if self.scheme not in SCHEMES:
            raise RefusedError(f"a key has the scheme {self.scheme!r}; known are {', '.join(SCHEMES)}")
        if not _is_well_spelt(self.scheme, self.public):
            raise RefusedError(f"the public value of a key is no {self.scheme} key in its one spelling")
        if self.keyid != keyid_of(self.scheme, self.public):
            raise RefusedError(f"the key id {self.keyid!r} is not the digest of its public key")
        if self.person is not None and self.person != " ".join(self.person.split()):
            raise RefusedError(f"the key {self.keyid} is of a person {self.person!r} with stray spaces")
        if not self.person and (self.role is Role.APPROVER or self.person is not None):
            raise RefusedError(f"the {self.role} key {self.keyid} names no person")

    @classmethod
    def of(cls, role: Role, scheme: str, public: str, person: str | None) -> "PublicKey":
        """Return the key with its id computed.

        Raises:
            RefusedError: It is no key that counts.
        """
        return cls(keyid_of(scheme, public), role, scheme, public, person)

    @property
    def raw(self) -> bytes:
        """The public value without its spelling: equal for one key, whatever its id, scheme or role."""
        if self.scheme == ED25519:
            return bytes.fromhex(self.public)
        return base64.b64decode("".join(self.public.splitlines()[1:-1]))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data; `from_json` is the way back."""
        return {
            "keyid": self.keyid,
            "role": self.role.value,
            "scheme": self.scheme,
            "public": self.public,
            "person": self.person,
        }

    @classmethod
    def from_json(cls, document: Any) -> "PublicKey":
        """Read a key strictly; its id is computed again and must be the same.

        Raises:
            RefusedError: A field is missing, unknown, of the wrong type, or not what the id says.
        """
        where = "a key"
        found = strict_json.fields(document, where, required=("keyid", "role", "scheme", "public", "person"))
        role = strict_json.text(found["role"], f"the role of {where}")
        if role not in set(Role):
            raise RefusedError(f"a key has the role {role!r}; known are {', '.join(Role)}")
        return cls(
            keyid=strict_json.text(found["keyid"], f"the id of {where}"),
            role=Role(role),
            scheme=strict_json.text(found["scheme"], f"the scheme of {where}"),
            public=strict_json.text(found["public"], f"the public value of {where}"),
            person=strict_json.optional_text(found["person"], f"the person of {where}"),
        )


def keyid_of(scheme: str, public: str) -> str:
    """Return the id of a key: 64 hex digits over its scheme and public value."""
    return sha256_digest(canonical_bytes({"scheme": scheme, "public": public})).removeprefix("sha256:")


def same_key(a: PublicKey, b: PublicKey) -> bool:
    """Whether two keys are one: one public value can have several ids, one for each scheme."""
    return a.raw == b.raw


def distinct(keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Return the keys without those that are another one under another id; the first of each stays."""
    found: dict[bytes, PublicKey] = {}
    for key in keys:
        found.setdefault(key.raw, key)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Span:
    """A key, valid from entry `since` up to, but without, entry `until` (None: it still is)."""

    key: PublicKey
    since: int
    until: int | None = None

    def covers(self, number: int) -> bool:
        return self.since <= number and (self.until is None or number < self.until)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Which keys count at which entry of the ledger. It never changes; each change gives another one.

    A key counts from the entry that names it (which it may sign itself, as genesis does) until, exclusive, the
    entry that revokes or replaces it. What it signed in that range stays good.
    """

    _spans: Mapping[str, tuple[_Span, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def with_key(self, key: PublicKey, number: int) -> "Keyring":
        """Return the ring in which `key` counts from entry `number`; nothing changes if it does already.

        Raises:
            RefusedError: The same public key has another role there, or another person.
        """
        for other in self.at(number):
            if same_key(other, key) and (other.role, other.person) != (key.role, key.person):
                raise RefusedError(
                    f"entry {number} names one public key twice: as {_described(other)} and as {_described(key)}",
                    "Make a key of its own for each role and each person.",
                )
        if self.key_at(key.keyid, number) is not None:
            return self
        return self._replaced(key.keyid, (*self._spans.get(key.keyid, ()), _Span(key, number)))

    def without(self, keyid: str, number: int) -> "Keyring":
        """Return the ring in which the key no longer counts from entry `number` on.

        Raises:
            RefusedError: It does not count there anyway.
        """
        if self.key_at(keyid, number) is None:
            raise RefusedError(f"entry {number} takes back the key {keyid}, which does not count there")
        spans = tuple(
            replace(span, until=number) if span.covers(number) else span for span in self._spans[keyid]
        )
        return self._replaced(keyid, spans)

    def key_at(self, keyid: str, number: int) -> PublicKey | None:
        """Return the key with this id if it counts at entry `number`."""
        for span in self._spans.get(keyid, ()):
            if span.covers(number):
                return span.key
        return None

    def of_role(self, role: Role, number: int) -> tuple[PublicKey, ...]:
        """Return the keys of a role that count at entry `number`, sorted by id."""
        return tuple(key for key in self.at(number) if key.role is role)

    def at(self, number: int) -> tuple[PublicKey, ...]:
        """Return every key that counts at entry `number`, sorted by id."""
        found = (self.key_at(keyid, number) for keyid in sorted(self._spans))
        return tuple(key for key in found if key is not None)

    def _replaced(self, keyid: str, spans: tuple[_Span, ...]) -> "Keyring":
        return Keyring(MappingProxyType({**self._spans, keyid: spans}))


def _described(key: PublicKey) -> str:
    return f"{key.role}" + (f" of {key.person}" if key.person else "")


def _is_well_spelt(scheme: str, public: str) -> bool:
    if scheme == ED25519:
        return _HEX.fullmatch(public) is not None
    match = _PEM.fullmatch(public) if len(public) <= _MAX_PUBLIC_LENGTH else None
    if match is None:
        return False
    lines = match.group(1).split("\n")[:-1]
    joined = "".join(lines)
    try:
        again = base64.b64encode(base64.b64decode(joined, validate=True)).decode()
    except binascii.Error:
        return False
    return again == joined and all(len(line) == 64 for line in lines[:-1])
