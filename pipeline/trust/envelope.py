"""DSSE envelopes: one payload, one signature, one spelling. securesystemslib signs and verifies; this is strict."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, Signature, SSlibKey

from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import TollgateError
from pipeline.model.trust import PublicKey

MAX_ENVELOPE_BYTES = 16 * 1024 * 1024
_MIN_RSA_BITS = 2048
_FIELDS = {"payload", "payloadType", "signatures"}
_SIGNATURE_FIELDS = {"keyid", "sig"}


class SignatureError(TollgateError):
    """What should be signed by somebody who may sign it is not."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason, "nothing rests on it; `nox -s verify` says what is forged and what is missing"
        )


class UnknownKeyError(SignatureError):
    """The key that a signature names does not count here: nobody named it, or it was revoked."""


class SigningKey(Protocol):
    """What `sign` signs with."""

    @property
    def public(self) -> PublicKey:
        """The key by which others verify."""

    def sign(self, content: bytes) -> Signature:
        """Return the signature over exactly these bytes.

        Raises:
            TollgateError: The key cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose signature fits.

    Attributes:
        payload: The signed bytes.
        key: Whose signature it is; whether that key may sign this is the caller's question.
    """

    payload: bytes
    key: PublicKey


def sign(payload: bytes, payload_type: str, signer: SigningKey) -> bytes:
    """Return the payload in an envelope with one signature, in its one spelling.

    Raises:
        TollgateError: The key cannot be used, or what it made does not verify.
    """
    envelope = Envelope(payload, payload_type, {})
    signature = signer.sign(envelope.pae())
    envelope.signatures[signature.keyid] = signature
    raw = canonical_bytes(envelope.to_dict())
    # A key service that signs with another key than it named would give evidence that nobody can verify.
    open_envelope(raw, payload_type, {signer.public.keyid: signer.public}.get)
    return raw


def open_envelope(raw: bytes, payload_type: str, find_key: Callable[[str], PublicKey | None]) -> Opened:
    """Return what is in an envelope, once its one signature is seen to fit.

    Args:
        raw: The envelope's exact bytes.
        payload_type: What the payload must be.
        find_key: Gives the key with an id, None for a key that does not count.

    Raises:
        SignatureError: It is no envelope in its one spelling, holds something else, or its signature does not fit.
    """
    document = _parse(raw)
    if document["payloadType"] != payload_type:
        raise SignatureError(
            f"an envelope holds {document['payloadType']!r:.100} where {payload_type} was expected"
        )
    if raw != canonical_bytes(document):
        raise SignatureError("an envelope is not in its one spelling (canonical JSON)")
    keyid = _keyid(document["signatures"])
    try:
        # `from_dict` consumes what it is given, so it gets a copy.
        signatures = [dict(signature) for signature in document["signatures"]]
        envelope = Envelope.from_dict({**document, "signatures": signatures})
    except (ValueError, TypeError, KeyError):
        raise SignatureError("an envelope's payload or signature is not base64") from None
    if envelope.to_dict() != document:
        raise SignatureError("an envelope's payload or signature is not in its one spelling of base64")
    key = find_key(keyid)
    if key is None or key.keyid != keyid:
        raise UnknownKeyError(f"an envelope is signed by the key {keyid:.64}, which does not count here")
    try:
        envelope.verify([verifier(key)], 1)
    except VerificationError:
        raise SignatureError(f"an envelope is forged: its signature is not by the key {keyid}") from None
    return Opened(envelope.payload, key)


@lru_cache(maxsize=1024)
def verifier(key: PublicKey) -> Key:
    """Return the key as securesystemslib verifies with it.

    Raises:
        SignatureError: It is not a key of its scheme, is too weak, or has another spelling too.
    """
    keytype = "ed25519" if key.scheme == "ed25519" else "ecdsa" if key.scheme.startswith("ecdsa") else "rsa"
    made = SSlibKey(key.keyid, keytype, key.scheme, {"public": key.public})
    try:
        loaded = made._crypto_key()  # noqa: SLF001 - the library has no public way to look at a key before its use
        # The same key in another encoding would count as another one in a quorum.
        again = SSlibKey.from_crypto(loaded, keyid=key.keyid, scheme=key.scheme)
    except (ValueError, TypeError, VerificationError):
        raise SignatureError(f"the {key.role} key {key.keyid} is no {key.scheme} key") from None
    usual = SSlibKey.from_crypto(loaded)
    fits = usual.scheme == key.scheme if keytype != "rsa" else usual.keytype == "rsa"
    if again != made or not fits:
        raise SignatureError(f"the {key.role} key {key.keyid} is no {key.scheme} key in its one encoding")
    if isinstance(loaded, RSAPublicKey) and loaded.key_size < _MIN_RSA_BITS:
        raise SignatureError(f"the {key.role} key {key.keyid} is shorter than {_MIN_RSA_BITS} bits")
    return made


def _parse(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_ENVELOPE_BYTES:
        raise SignatureError(f"an envelope is larger than {MAX_ENVELOPE_BYTES} bytes")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise SignatureError("it is no envelope: it is not JSON") from None
    if not isinstance(document, dict) or not set(document) >= _FIELDS:
        raise SignatureError("it is no envelope: payload, payloadType or signatures is missing")
    if set(document) != _FIELDS:
        raise SignatureError("an envelope has more fields than an envelope has")
    if not isinstance(document["payload"], str) or not isinstance(document["payloadType"], str):
        raise SignatureError("it is no envelope: its payload or payloadType is no text")
    return document


def _keyid(signatures: Any) -> str:
    """Return the id that the one signature names."""
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise SignatureError("an envelope must have exactly one signature")
    (signature,) = signatures
    if not isinstance(signature, dict) or set(signature) != _SIGNATURE_FIELDS:
        raise SignatureError("an envelope's signature must have a keyid and a sig, and nothing else")
    if not all(isinstance(value, str) for value in signature.values()):
        raise SignatureError("an envelope's signature has a keyid or a sig that is no text")
    return str(signature["keyid"])
