"""Keys in KMS: an account signs what a person's machine never holds, and anybody verifies it without that account."""

import pytest

from pipeline.model.kinds import Kind
from pipeline.model.trust import Role
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform

_ROLES = (Role.BUILDER, Role.CHECKER, Role.LEDGER)


def test_a_promotion_is_signed_in_kms_and_verified_without_it(tiny: TinyProject) -> None:
    """Every entry and every statement is signed by the account's keys; no key of these roles lies on the disk."""
    tiny.succeed("cloud", "up")
    account = tiny.account("dev")
    kms = account.client("kms")
    addresses = {}
    for role in _ROLES:
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/tollgate-{role}", TargetKeyId=key)
        addresses[f"TOLLGATE_SIGNER_{role.upper()}"] = f"awskms:alias/tollgate-{role}"
    tiny.succeed("promote", "--to", "dev", **account.environment, **addresses)

    entries = tiny.entries()
    assert [entry.kind for entry in entries] == [
        Kind.GENESIS,
        Kind.EVIDENCE,
        Kind.CANDIDATE,
        Kind.START,
        Kind.END,
    ]
    assert {entry.key.scheme for entry in entries if entry.key} == {"ecdsa-sha2-nistp256"}
    assert {path.stem for path in (tiny.home / "keys").glob("*.pem")} == {Role.APPROVER}
    tiny.succeed("cloud", "down")
    assert "consistent" in tiny.succeed("verify")
