"""in-toto statements about a release: written in one spelling, signed, and parsed once, strictly, when verified."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model import strict_json
from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.trust import PublicKey, Role
from pipeline.trust.check_result import TEST_RESULT, CheckResult
from pipeline.trust.envelope import SignatureError, SigningKey, open_envelope, sign
from pipeline.trust.judged_environment import refuse_leaks
from pipeline.trust.provenance import PROVENANCE, Provenance

PAYLOAD_TYPE = "application/vnd.in-toto+json"
ENVELOPE_TYPE = "application/vnd.in-toto+dsse"
"""The type under which a signed statement is attached to a release."""

_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_SUBJECT_NAME = "release"
_HEX = re.compile(r"[0-9a-f]{64}")

Predicate = Provenance | CheckResult
SIGNED_BY: Mapping[str, Role] = {PROVENANCE: Role.BUILDER, TEST_RESULT: Role.CHECKER}
"""Whose key may say what."""


class StatementError(TollgateError):
    """Signed bytes are no statement of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "run `nox -s promote` in the checkout that the release was built from")


class NotAllowedError(TollgateError):
    """A statement's signature fits, but its key may not say this."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the ledger records of a statement.

    Attributes:
        name: `provenance`, or the check's name.
        predicate: The predicate's type, a URI.
        digest: `sha256:` and 64 hex digits: what `ReleaseStore.attach` gave and `ReleaseStore.document` takes.
        passed: Whether it says something good: for a check, that it passed.
    """

    name: str
    predicate: str
    digest: str
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as an `evidence` entry holds it."""
        return {
            "name": self.name,
            "predicate": self.predicate,
            "digest": self.digest,
            "passed": self.passed,
        }

    @classmethod
    def from_json(cls, document: Any) -> "Statement":
        """Read what an `evidence` entry holds.

        Raises:
            RefusedError: It is not that.
        """
        where = "a named statement"
        found = strict_json.fields(document, where, required=("name", "predicate", "digest", "passed"))
        return cls(
            name=strict_json.text(found["name"], where),
            predicate=strict_json.text(found["predicate"], where),
            digest=strict_json.text(found["digest"], where),
            passed=strict_json.typed(found["passed"], bool, where),
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement whose signature fits and whose key may say it.

    Attributes:
        predicate: What it says.
        key: Who says it.
    """

    predicate: Predicate
    key: PublicKey

    def named(self, digest: str) -> Statement:
        """Return what the ledger records of it, once it is attached as `digest`."""
        return Statement(self.predicate.name, self.predicate.type, digest, self.predicate.passed)


def sign_statement(release: str, predicate: Predicate, signer: SigningKey) -> bytes:
    """Return an envelope that says `predicate` of a release.

    Raises:
        LeakError: It holds a secret of our environment.
        TollgateError: The key cannot be used.
    """
    payload = canonical_bytes(
        {
            "_type": _STATEMENT_TYPE,
            "subject": [{"name": _SUBJECT_NAME, "digest": {"sha256": release.removeprefix("sha256:")}}],
            "predicateType": predicate.type,
            "predicate": predicate.to_json(),
        }
    )
    refuse_leaks(payload, f"the statement {predicate.name} about the release")
    raw = sign(payload, PAYLOAD_TYPE, signer)
    # Nobody must find out later that what was signed cannot be read.
    open_statement(raw, release, {signer.public.keyid: signer.public}.get)
    return raw


def open_statement(raw: bytes, release: str, find_key: Callable[[str], PublicKey | None]) -> Verified:
    """Return what an envelope says of a release.

    Args:
        raw: Exact bytes.
        release: Digest that it must be about.
        find_key: Gives the key with an id, None for a key that does not count.

    Raises:
        SignatureError: It is no envelope, or its signature does not fit.
        NotAllowedError: Its key may not say this.
        StatementError: It is no statement of ours, or is about something else.
    """
    opened = open_envelope(raw, PAYLOAD_TYPE, find_key)
    document = _parse(opened.payload)
    try:
        predicate = _read(document, release)
    except RefusedError as error:
        raise StatementError(error.message) from None
    role = SIGNED_BY[predicate.type]
    if opened.key.role is not role:
        message = f"a {opened.key.role} key signed a statement that only a {role} key may sign"
        raise NotAllowedError(message, "nothing rests on it")
    return Verified(predicate, opened.key)


def signed_at(predicate: Predicate) -> datetime:
    """Return the time that a statement itself names."""
    return datetime.fromisoformat(predicate.finished)


def _parse(payload: bytes) -> Any:
    """Return the JSON that a payload is, which has one spelling, so no key stands there twice."""
    try:
        document = json.loads(payload)
        if canonical_bytes(document) == payload:
            return document
    except (ValueError, RecursionError):
        pass
    raise StatementError("what was signed is not JSON in its one spelling")


def _read(document: Any, release: str) -> Predicate:
    found = strict_json.fields(
        document, "a statement", required=("_type", "subject", "predicateType", "predicate")
    )
    kind = strict_json.text(found["predicateType"], "a statement's predicateType")
    if found["_type"] != _STATEMENT_TYPE or kind not in SIGNED_BY:
        raise RefusedError(f"a statement is of the unknown type {kind!r:.100}")
    _insist_on_subject(found["subject"], release)
    read = Provenance.from_json if kind == PROVENANCE else CheckResult.from_json
    return read(found["predicate"])


def _insist_on_subject(subject: Any, release: str) -> None:
    where = "a statement's subject"
    subjects = strict_json.items(subject, where)
    if len(subjects) != 1:
        raise RefusedError(f"a statement is about {len(subjects)} things where one release was expected")
    found = strict_json.fields(subjects[0], where, required=("name", "digest"))
    digest = strict_json.fields(found["digest"], f"{where}'s digest", required=("sha256",))["sha256"]
    if found["name"] != _SUBJECT_NAME or not isinstance(digest, str) or not _HEX.fullmatch(digest):
        raise RefusedError("a statement's subject is no release digest of 64 hex digits")
    if f"sha256:{digest}" != release:
        raise RefusedError(f"a statement is about release {digest[:12]}, not about {release[7:19]}")


__all__ = [
    "ENVELOPE_TYPE",
    "PAYLOAD_TYPE",
    "SIGNED_BY",
    "NotAllowedError",
    "Predicate",
    "SignatureError",
    "Statement",
    "StatementError",
    "Verified",
    "open_statement",
    "sign_statement",
    "signed_at",
]
