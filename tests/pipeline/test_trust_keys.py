"""The keys that a machine signs with: made once, private, looked at on every use, or held by a service."""

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from pipeline.model.errors import TollgateError
from pipeline.model.trust import Role
from pipeline.trust.envelope import SignatureError, open_envelope, sign
from pipeline.trust.keys import KeyFileError, Keys

TYPE = "application/vnd.tollgate.test+json"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Keys of Ann, none of which is made yet."""
    for role in Role:
        monkeypatch.delenv(f"TOLLGATE_SIGNER_{role.upper()}", raising=False)
    return Keys(tmp_path / "keys", {}, "Ann")


def _works(keys: Keys, role: Role) -> bool:
    signer = keys.signer(role)
    raw = sign(b"{}", TYPE, signer)
    return open_envelope(raw, TYPE, {signer.public.keyid: keys.public(role)}.get).payload == b"{}"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_on_first_use_for_its_owner_only(keys: Keys) -> None:
    """The folder opens for its owner, the file is read by its owner, and the next use finds the same key."""
    first = keys.public(Role.BUILDER)

    assert (_mode(keys.folder), _mode(keys.folder / "builder.pem")) == (0o700, 0o600)
    assert (first.role, first.person, first.scheme) == (Role.BUILDER, "Ann", "ed25519")
    assert keys.public(Role.BUILDER) == first
    assert _works(keys, Role.BUILDER)


def test_each_role_has_a_key_of_its_own(keys: Keys) -> None:
    """Different powers, different keys."""
    assert len({keys.public(role).raw for role in Role}) == len(Role)


def test_two_runs_at_once_make_one_key(keys: Keys) -> None:
    """Whoever comes second uses what the first one made."""
    code = (
        "import sys; from pathlib import Path; from pipeline.trust.keys import Keys; "
        "from pipeline.model.trust import Role; "
        "print(Keys(Path(sys.argv[1]), {}, 'Ann').public(Role.LEDGER).keyid)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(keys.folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert {child.communicate()[0].strip() for child in children} == {keys.public(Role.LEDGER).keyid}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660, 0o666])
def test_a_key_that_others_may_use_is_refused(keys: Keys, mode: int) -> None:
    """The mode is looked at on every use, and the sentence says how to mend it."""
    keys.public(Role.LEDGER)
    path = keys.folder / "ledger.pem"
    path.chmod(mode)

    with pytest.raises(
        KeyFileError, match=rf"others may use .*ledger.pem: its mode is {mode:04o}"
    ) as refused:
        keys.signer(Role.LEDGER)
    assert f"`chmod 600 {path}`" in str(refused.value.hint)
    path.chmod(0o600)
    assert _works(keys, Role.LEDGER)


def test_a_folder_that_others_may_use_is_refused(keys: Keys) -> None:
    """Who may write there could put another key in its place."""
    keys.public(Role.LEDGER)
    keys.folder.chmod(0o777)

    with pytest.raises(KeyFileError, match=r"others may use .*keys: its mode is 0777") as refused:
        keys.signer(Role.LEDGER)
    assert "chmod 700" in str(refused.value.hint)


def test_a_key_that_only_its_owner_may_read_is_fine(keys: Keys) -> None:
    """Stricter is good."""
    keys.public(Role.LEDGER)
    (keys.folder / "ledger.pem").chmod(0o400)

    assert _works(keys, Role.LEDGER)


def test_another_users_key_is_refused(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could sign in our name."""
    keys.public(Role.LEDGER)
    monkeypatch.setattr("os.geteuid", lambda: 12345)

    with pytest.raises(KeyFileError, match="belongs to another user"):
        keys.signer(Role.LEDGER)


def test_a_link_is_refused(keys: Keys) -> None:
    """A link's own mode says nothing, and it can be turned elsewhere; a dangling one is not written through."""
    keys.public(Role.LEDGER)
    (keys.folder / "builder.pem").symlink_to(keys.folder / "ledger.pem")
    (keys.folder / "checker.pem").symlink_to(keys.folder / "nowhere.pem")

    for role in (Role.BUILDER, Role.CHECKER):
        with pytest.raises(KeyFileError, match=f"{role}.pem is a link"):
            keys.signer(role)
    assert not (keys.folder / "nowhere.pem").exists()


def test_a_folder_in_a_keys_place_is_refused(keys: Keys) -> None:
    """What is no file is no key."""
    keys.public(Role.LEDGER)
    (keys.folder / "builder.pem").mkdir(mode=0o700)

    with pytest.raises(KeyFileError, match=r"builder.pem is no file"):
        keys.signer(Role.BUILDER)


def _write(path: Path, private: Any, passphrase: bytes | None = None) -> None:
    encryption: Any = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    path.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    path.chmod(0o600)


def test_a_damaged_key_is_refused_and_kept(keys: Keys) -> None:
    """A key is never made anew over one that cannot be read."""
    keys.public(Role.LEDGER)
    path = keys.folder / "ledger.pem"
    for content in (b"", b"nonsense", path.read_bytes()[:60]):
        path.write_bytes(content)
        with pytest.raises(KeyFileError, match="holds no private key that Tollgate can sign with"):
            keys.signer(Role.LEDGER)
        assert path.read_bytes() == content


def test_a_key_of_an_unknown_kind_is_refused(keys: Keys) -> None:
    """Only schemes that verifiers know."""
    keys.public(Role.LEDGER)
    _write(keys.folder / "ledger.pem", ed448.Ed448PrivateKey.generate())

    with pytest.raises(KeyFileError, match="holds no private key that Tollgate can sign with"):
        keys.signer(Role.LEDGER)


def test_a_passphrase_is_refused_in_a_sentence(keys: Keys) -> None:
    """A pipeline has nobody at the keyboard."""
    keys.public(Role.LEDGER)
    _write(keys.folder / "ledger.pem", ed25519.Ed25519PrivateKey.generate(), b"secret")

    with pytest.raises(KeyFileError, match="is locked by a passphrase"):
        keys.signer(Role.LEDGER)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the folder's place is named."""
    (tmp_path / "keys").write_text("")

    with pytest.raises(TollgateError, match=r"the folder of keys .* cannot be used|others may use"):
        Keys(tmp_path / "keys", {}, "Ann").signer(Role.LEDGER)


# --- Addresses --------------------------------------------------------------------------------------------------


def test_a_key_file_elsewhere_is_used_by_its_address(keys: Keys, tmp_path: Path) -> None:
    """`file2:` and a whole path; looked at as strictly as a key of ours."""
    path = tmp_path / "mine.pem"
    _write(path, ed25519.Ed25519PrivateKey.generate())
    elsewhere = Keys(keys.folder, {Role.APPROVER: f"file2:{path}"}, "Ann")

    assert _works(elsewhere, Role.APPROVER)
    assert not keys.folder.exists()
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match=r"others may use .*mine.pem: its mode is 0644"):
        elsewhere.signer(Role.APPROVER)


def test_the_environment_goes_before_the_settings(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`TOLLGATE_SIGNER_<ROLE>` names the key of one role and of no other."""
    path = tmp_path / "mine.pem"
    _write(path, ed25519.Ed25519PrivateKey.generate())
    monkeypatch.setenv("TOLLGATE_SIGNER_APPROVER", f"file2:{path}")
    both = Keys(keys.folder, {Role.APPROVER: "file2:/nowhere.pem"}, "Ann")

    assert _works(both, Role.APPROVER)
    assert _works(both, Role.LEDGER)
    assert (keys.folder / "ledger.pem").exists()


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file2:/keys/a?b.pem", r"holds '\?', which"),
        ("file2:/keys/a#b.pem", "holds '#', which"),
        ("file2:~/key.pem", "holds '~', which"),
        ("file2:/a?b#c", r"holds '\?' and '#', which"),
        ("file2:key.pem", "is not an absolute path, which"),
        ("file2:", "is not an absolute path, which"),
        ("file2://host/key.pem", "is not an absolute path, which"),
        ("file2:/nowhere/key.pem", "the key file /nowhere/key.pem cannot be read: No such file"),
        ("magic:1", "has an address of the kind 'magic'; known are awskms"),
        ("key.pem", "has an address of the kind 'key.pem'; known are awskms"),
        ("hv:name/1", "the approver key hv:name/1 cannot be used: .* requires hvac"),
        ("gcpkms:projects/x", "the public part of the approver key gcpkms:projects/x is not known"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence(keys: Keys, uri: str, reason: str) -> None:
    """What the library would misread, or cannot do, is said before anything is signed."""
    with pytest.raises(KeyFileError, match=reason):
        Keys(keys.folder, {Role.APPROVER: uri}, "Ann").signer(Role.APPROVER)


class _Kms:
    """AWS KMS as far as signing needs it (moto's own hashes a digest once more)."""

    def __init__(self, private: Any, algorithm: str) -> None:
        self._private, self._algorithm = private, algorithm

    def get_public_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 - the service's name
        if KeyId != "1234":
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "no key"}}, "GetPublicKey")
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        der = self._private.public_key().public_bytes(serialization.Encoding.DER, kind)
        return {"PublicKey": der, "SigningAlgorithms": [self._algorithm]}

    def sign(self, **asked: Any) -> dict[str, Any]:
        assert (asked["MessageType"], asked["SigningAlgorithm"]) == ("DIGEST", self._algorithm)
        hashed = Prehashed(SHA256())
        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            return {"Signature": self._private.sign(asked["Message"], ec.ECDSA(hashed))}
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
        return {"Signature": self._private.sign(asked["Message"], pss, hashed)}


@pytest.mark.parametrize("algorithm", ["ECDSA_SHA_256", "RSASSA_PSS_SHA_256"])
def test_a_key_in_aws_kms_signs(keys: Keys, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    """One line of configuration; the private key never leaves the service, which is asked for it once."""
    private: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm.startswith("ECDSA")
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    monkeypatch.setattr("boto3.client", lambda _: _Kms(private, algorithm))
    kms = Keys(keys.folder, {Role.LEDGER: "awskms:1234"}, "Ann")

    assert _works(kms, Role.LEDGER)
    assert kms.signer(Role.LEDGER) is kms.signer(Role.LEDGER)


def test_a_pinned_public_key_must_be_the_services(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `<role>.pub` says which key it must be, the service cannot put another one in its place."""
    private, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    monkeypatch.setattr("boto3.client", lambda _: _Kms(private, "ECDSA_SHA_256"))
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    keys.folder.mkdir(mode=0o700)
    pinned = keys.folder / "ledger.pub"

    pinned.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, kind))
    assert _works(Keys(keys.folder, {Role.LEDGER: "awskms:1234"}, "Ann"), Role.LEDGER)
    pinned.write_bytes(other.public_key().public_bytes(serialization.Encoding.PEM, kind))
    with pytest.raises(SignatureError, match="is forged"):
        _works(Keys(keys.folder, {Role.LEDGER: "awskms:1234"}, "Ann"), Role.LEDGER)


def test_a_service_that_refuses_is_a_sentence(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback of somebody's library."""
    monkeypatch.setattr("boto3.client", lambda _: _Kms(None, "ECDSA_SHA_256"))
    nothing = Keys(keys.folder, {Role.LEDGER: "awskms:0000"}, "Ann")

    with pytest.raises(KeyFileError, match=r"the ledger key awskms:0000 cannot be used: .*NotFoundException"):
        nothing.signer(Role.LEDGER)
