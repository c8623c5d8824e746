"""Keys with one role each, valid over a range of entries, and envelopes that are opened strictly."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, SSlibKey

from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import RefusedError
from pipeline.model.trust import Keyring, PublicKey, Role, distinct, same_key
from pipeline.trust.envelope import MAX_ENVELOPE_BYTES, SignatureError, open_envelope, sign, verifier
from pipeline.trust.keys import RoleKey

TYPE = "application/vnd.tollgate.test+json"


def make_key(role: Role = Role.LEDGER, person: str | None = "Ann") -> RoleKey:
    """Return a new ed25519 key of a role."""
    return _of(CryptoSigner.generate_ed25519(), role, person)


def _of(signer: CryptoSigner, role: Role = Role.LEDGER, person: str | None = "Ann") -> RoleKey:
    found = signer.public_key
    return RoleKey(PublicKey.of(role, found.scheme, found.keyval["public"], person), signer)


ANN = make_key()
BOB = make_key(person="Bob")
RAW = sign(b'{"yes":true}', TYPE, ANN)


def _find(*keys: RoleKey) -> Callable[[str], PublicKey | None]:
    return {key.public.keyid: key.public for key in keys}.get


def _with(**fields: Any) -> bytes:
    return canonical_bytes(json.loads(RAW) | fields)


def _signature(**fields: Any) -> list[dict[str, Any]]:
    return [json.loads(RAW)["signatures"][0] | fields]


# --- Envelopes --------------------------------------------------------------------------------------------------


def test_what_was_signed_comes_out() -> None:
    """An envelope gives back its bytes and whose signature it bears."""
    opened = open_envelope(RAW, TYPE, _find(BOB, ANN))

    assert opened.payload == b'{"yes":true}'
    assert opened.key == ANN.public


def test_an_envelope_has_one_spelling() -> None:
    """Signing the same bytes again gives the same envelope (ed25519), in canonical JSON."""
    assert sign(b'{"yes":true}', TYPE, ANN) == RAW
    assert canonical_bytes(json.loads(RAW)) == RAW


@given(position=st.integers(0, len(RAW) - 1), other=st.integers(1, 255))
def test_any_changed_byte_is_refused(position: int, other: int) -> None:
    """Whatever byte is changed, to whatever else, nothing comes out, and nothing but a refusal."""
    changed = bytearray(RAW)
    changed[position] ^= other

    with pytest.raises(SignatureError):
        open_envelope(bytes(changed), TYPE, _find(ANN, BOB))


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_refused_in_a_sentence(raw: bytes) -> None:
    """What is no envelope is refused, never anything else."""
    with pytest.raises(SignatureError, match="it is no envelope"):
        open_envelope(raw, TYPE, _find(ANN))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    field=st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig", "signature"]),
    value=_JSON,
)
def test_any_value_in_any_field_is_refused_in_a_sentence(field: str, value: Any) -> None:
    """A field may hold anything at all: it is refused, or it held that before."""
    if field in {"keyid", "sig"}:
        raw = _with(signatures=_signature(**{field: value}))
    elif field == "signature":
        raw = _with(signatures=[value])
    else:
        raw = _with(**{field: value})

    with pytest.raises(SignatureError):
        open_envelope(raw, TYPE, _find(ANN))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "it is no envelope: it is not JSON"),
        (b"[" * 100_000, "it is no envelope: it is not JSON"),
        (b"[]", "it is no envelope: payload, payloadType or signatures is missing"),
        (b"{}", "it is no envelope: payload, payloadType or signatures is missing"),
        (_with(more=1), "an envelope has more fields than an envelope has"),
        (_with(payload=1), "it is no envelope: its payload or payloadType is no text"),
        (b" " + RAW, "an envelope is not in its one spelling (canonical JSON)"),
        (RAW.replace(b'{"payload"', b'{"payload":"","payload"'), "an envelope is not in its one spelling"),
        (_with(payloadType="text/plain"), "an envelope holds 'text/plain' where application/vnd"),
        (_with(signatures=[]), "an envelope must have exactly one signature"),
        (_with(signatures={}), "an envelope must have exactly one signature"),
        (_with(signatures=_signature() * 2), "an envelope must have exactly one signature"),
        (_with(signatures=["x"]), "an envelope's signature must have a keyid and a sig, and nothing else"),
        (_with(signatures=[{"sig": "eA=="}]), "an envelope's signature must have a keyid and a sig"),
        (_with(signatures=_signature(more=1)), "an envelope's signature must have a keyid and a sig"),
        (_with(signatures=_signature(keyid=None)), "an envelope's signature has a keyid or a sig that is no"),
        (_with(payload="*"), "an envelope's payload or signature is not base64"),
        (_with(payload="eB=="), "an envelope's payload or signature is not in its one spelling of base64"),
        (_with(payload="-_-_"), "an envelope's payload or signature is not in its one spelling of base64"),
        (_with(payload="eA=="), f"an envelope is forged: its signature is not by the key {ANN.public.keyid}"),
        (_with(signatures=_signature(sig="")), "an envelope is forged: its signature is not by the key"),
        (_with(signatures=_signature(keyid=BOB.public.keyid)), "an envelope is forged: its signature is not"),
        (_with(signatures=_signature(keyid="0" * 64)), "an envelope is signed by the key 0000"),
        (RAW + b" " * MAX_ENVELOPE_BYTES, "an envelope is larger than 16777216 bytes"),
    ],
)
def test_each_refusal_says_what_is_wrong(raw: bytes, reason: str) -> None:
    """One sentence for each way in which an envelope is not what it must be."""
    with pytest.raises(SignatureError) as refused:
        open_envelope(raw, TYPE, _find(ANN, BOB))

    assert refused.value.message.startswith(reason)


def test_the_payload_type_is_looked_at_first() -> None:
    """An envelope of another kind is named as that, whoever signed it, and is not even verified."""
    raw = sign(b"{}", "application/other", BOB)

    with pytest.raises(SignatureError, match="holds 'application/other' where"):
        open_envelope(raw, TYPE, lambda _: pytest.fail("nobody's key is asked for"))


def test_the_payload_type_is_signed_too() -> None:
    """What was signed as one kind cannot be passed off as another."""
    other = sign(b'{"yes":true}', "application/other", ANN)
    renamed = canonical_bytes(json.loads(other) | {"payloadType": TYPE})

    with pytest.raises(SignatureError, match="is forged"):
        open_envelope(renamed, TYPE, _find(ANN))


def test_a_finder_that_gives_another_key_is_not_believed() -> None:
    """The key that verifies is the one that the envelope names."""
    with pytest.raises(SignatureError, match="which does not count here"):
        open_envelope(RAW, TYPE, lambda _: BOB.public)


def test_a_key_that_signs_with_another_key_signs_nothing() -> None:
    """A key service that answers with another key's signature is noticed at once."""
    wrong = RoleKey(ANN.public, CryptoSigner.generate_ed25519())

    with pytest.raises(SignatureError, match="is forged"):
        sign(b"{}", TYPE, wrong)


@pytest.mark.parametrize(
    "signer",
    [
        CryptoSigner.generate_ecdsa(),
        CryptoSigner.generate_rsa(),
        CryptoSigner.generate_rsa(scheme="rsassa-pss-sha512"),
    ],
    ids=lambda signer: signer.public_key.scheme,
)
def test_the_schemes_of_key_services_work_too(signer: CryptoSigner) -> None:
    """What AWS KMS and others sign with is verified like a local key."""
    key = _of(signer)

    assert open_envelope(sign(b"{}", TYPE, key), TYPE, _find(key)).key == key.public


def _pem(public: Any, kind: Any = serialization.PublicFormat.SubjectPublicKeyInfo) -> str:
    return str(public.public_bytes(serialization.Encoding.PEM, kind).decode())


def test_a_short_rsa_key_does_not_count() -> None:
    """A key that can be broken is no key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
    key = PublicKey.of(Role.LEDGER, "rsassa-pss-sha256", _pem(private.public_key()), None)

    with pytest.raises(SignatureError, match="is shorter than 2048 bits"):
        verifier(key)


def test_a_key_of_another_scheme_does_not_count() -> None:
    """A key on one curve is not taken as one on another."""
    public = _pem(ec.generate_private_key(ec.SECP384R1()).public_key())

    with pytest.raises(SignatureError, match="is no ecdsa-sha2-nistp256 key in its one encoding"):
        verifier(PublicKey.of(Role.LEDGER, "ecdsa-sha2-nistp256", public, None))


def test_a_key_has_one_encoding() -> None:
    """The same point written shorter would be one key with two public values."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    # SubjectPublicKeyInfo of a compressed point on P-256.
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    public = f"-----BEGIN PUBLIC KEY-----\n{_wrapped(der)}-----END PUBLIC KEY-----\n"
    assert SSlibKey("x", "ecdsa", "ecdsa-sha2-nistp256", {"public": public})._crypto_key() == (
        private.public_key()
    )

    with pytest.raises(SignatureError, match="in its one encoding"):
        verifier(PublicKey.of(Role.LEDGER, "ecdsa-sha2-nistp256", public, None))


def _wrapped(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    return "".join(text[at : at + 64] + "\n" for at in range(0, len(text), 64))


# --- Keys -------------------------------------------------------------------------------------------------------


def test_a_key_survives_its_json() -> None:
    """What is written is what is read."""
    assert PublicKey.from_json(json.loads(json.dumps(ANN.public.to_json()))) == ANN.public


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"keyid": "0" * 64}, "is not the digest of its public key"),
        ({"keyid": BOB.public.keyid}, "is not the digest of its public key"),
        ({"public": BOB.public.public}, "is not the digest of its public key"),
        ({"public": ANN.public.public.upper()}, "is no ed25519 key in its one spelling"),
        ({"public": ANN.public.public + "00"}, "is no ed25519 key in its one spelling"),
        ({"scheme": "rsassa-pss-sha256"}, "is no rsassa-pss-sha256 key in its one spelling"),
        ({"scheme": "hmac"}, "a key has the scheme 'hmac'; known are ed25519"),
        (
            {"role": "admin"},
            "a key has the role 'admin'; known are builder, checker, ledger, approver, witness",
        ),
        ({"role": ["ledger"]}, "the role of a key is a list where a string was expected"),
        ({"person": ""}, "names no person"),
        ({"person": "Ann "}, "with stray spaces"),
        ({"role": "approver", "person": None}, "the approver key .* names no person"),
        ({"person": 1}, "the person of a key is a whole number where a string was expected"),
        ({"more": 1}, "a key holds 'more', which this version does not know"),
    ],
)
def test_a_key_is_read_strictly(change: dict[str, Any], reason: str) -> None:
    """A key that is not exactly what its id says is refused."""
    with pytest.raises(RefusedError, match=reason):
        PublicKey.from_json(ANN.public.to_json() | change)


def test_a_missing_field_is_named() -> None:
    """Nothing about a key is guessed."""
    with pytest.raises(RefusedError, match="a key lacks 'person', 'role'"):
        PublicKey.from_json({"keyid": "", "scheme": "", "public": ""})


@pytest.mark.parametrize("spelling", ["extra line", "short lines", "no end", "not base64"])
def test_a_pem_key_has_one_spelling(spelling: str) -> None:
    """Line breaks and padding must not give one key several ids."""
    pem = _pem(ec.generate_private_key(ec.SECP256R1()).public_key())
    head, body, end = pem.partition("\n")[0], pem.splitlines()[1:-1], pem.splitlines()[-1]
    whole = "".join(body)
    changed = {
        "extra line": pem + "\n",
        "short lines": "\n".join([head, whole[:32], whole[32:64], whole[64:], end]) + "\n",
        "no end": pem.replace(end, ""),
        "not base64": pem.replace(whole[64:70], "=====A"),
    }[spelling]

    with pytest.raises(RefusedError, match="in its one spelling"):
        PublicKey.of(Role.LEDGER, "ecdsa-sha2-nistp256", changed, None)


def test_one_public_key_under_two_ids_is_one_key() -> None:
    """An RSA key has an id for each scheme; it counts once in a quorum all the same."""
    public = CryptoSigner.generate_rsa().public_key.keyval["public"]
    one = PublicKey.of(Role.APPROVER, "rsassa-pss-sha256", public, "Ann")
    two = PublicKey.of(Role.APPROVER, "rsassa-pss-sha512", public, "Bob")

    assert one.keyid != two.keyid
    assert same_key(one, two)
    assert distinct([one, two, ANN.public, one]) == (one, ANN.public)
    assert not same_key(ANN.public, BOB.public)


# --- Keyrings ---------------------------------------------------------------------------------------------------


def test_a_key_counts_from_its_entry_until_it_is_taken_back() -> None:
    """The entry that names a key may be signed by it; the one that revokes it may not."""
    ring = Keyring().with_key(ANN.public, 3).without(ANN.public.keyid, 7)

    counts = [number for number in range(1, 10) if ring.key_at(ANN.public.keyid, number)]
    assert counts == [3, 4, 5, 6]


def test_a_key_may_come_back() -> None:
    """Each range stands for itself."""
    keyid = ANN.public.keyid
    ring = Keyring().with_key(ANN.public, 1).without(keyid, 3).with_key(ANN.public, 5)

    assert [number for number in range(1, 8) if ring.key_at(keyid, number)] == [1, 2, 5, 6, 7]


def test_a_ring_never_changes() -> None:
    """What was known at one entry stays known, whatever is added."""
    before = Keyring().with_key(ANN.public, 1)
    after = before.without(ANN.public.keyid, 2).with_key(BOB.public, 2)

    assert before.key_at(ANN.public.keyid, 5) == ANN.public
    assert before.key_at(BOB.public.keyid, 5) is None
    assert after.key_at(ANN.public.keyid, 5) is None


def test_naming_a_key_again_changes_nothing() -> None:
    """Settings list all keys each time."""
    ring = Keyring().with_key(ANN.public, 1)

    assert ring.with_key(ANN.public, 9) == ring


def test_keys_are_found_by_role() -> None:
    """Only keys of the role that count at that entry, sorted by id."""
    approver = make_key(Role.APPROVER).public
    ring = Keyring().with_key(BOB.public, 1).with_key(ANN.public, 1).with_key(approver, 2)

    ledger = ring.of_role(Role.LEDGER, 1)
    assert set(ledger) == {ANN.public, BOB.public}
    assert [key.keyid for key in ledger] == sorted(key.keyid for key in ledger)
    assert ring.of_role(Role.APPROVER, 1) == ()
    assert ring.of_role(Role.APPROVER, 2) == (approver,)


@pytest.mark.parametrize(
    ("role", "person", "named"),
    [
        (Role.APPROVER, "Ann", "as ledger of Ann and as approver of Ann"),
        (Role.LEDGER, "Bob", "of Ann and as ledger"),
    ],
)
def test_one_key_has_one_role_and_one_person(role: Role, person: str, named: str) -> None:
    """A key with two powers would let its holder check on himself; one of two people would count twice."""
    other = PublicKey.of(role, ANN.public.scheme, ANN.public.public, person)
    ring = Keyring().with_key(ANN.public, 1)

    with pytest.raises(RefusedError, match=f"names one public key twice: .*{named}"):
        ring.with_key(other, 2)
    moved = ring.without(ANN.public.keyid, 2).with_key(other, 2)
    assert moved.key_at(other.keyid, 1) == ANN.public
    assert moved.key_at(other.keyid, 2) == other


def test_a_key_that_does_not_count_cannot_be_taken_back() -> None:
    """A revocation that revokes nothing is a mistake that somebody should hear of."""
    with pytest.raises(RefusedError, match=r"takes back the key .*, which does not count there"):
        Keyring().without(ANN.public.keyid, 2)
