"""The keys that sign: which there are, who may use them, and what the account may do with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.infra.synthesis import Stack, resources

ROLE = "arn:aws:iam::${var.account_id}:role/"
MAKERS = ["tollgate-preview-dev", "tollgate-sign-dev"]
SIGNERS = {
    "dev": {
        "tollgate-builder-dev": MAKERS,
        "tollgate-checker-dev": MAKERS,
        "tollgate-signing-dev": ["tollgate-apply-dev", "tollgate-plan-dev", *MAKERS],
    },
    "staging": {"tollgate-signing-staging": ["tollgate-apply-staging", "tollgate-plan-staging"]},
    "prod": {
        "tollgate-signing-prod": ["tollgate-apply-prod", "tollgate-plan-prod"],
        "tollgate-witness-prod": ["tollgate-apply-prod"],
    },
}


def by_alias(stack: Stack) -> dict[str, str]:
    """The logical id of each key, by the name to sign by."""
    return {
        body["name"].removeprefix("alias/"): body["target_key_id"].split(".")[1]
        for body in resources(stack, "aws_kms_alias").values()
    }


def policy_of(stack: Stack, alias: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Both statements of a key's own policy: looked after by the account, used by the pipeline."""
    cared, used = json.loads(resources(stack, "aws_kms_key")[by_alias(stack)[alias]]["policy"])["Statement"]
    return cared, used


@pytest.mark.parametrize("name", SIGNERS)
def test_each_power_has_a_key_of_its_own(bootstraps: dict[str, Stack], name: str) -> None:
    """What is built is signed where releases come first, a person's word where real payments are."""
    stack = bootstraps[name]

    assert set(by_alias(stack)) == set(SIGNERS[name])
    assert set(by_alias(stack).values()) == set(resources(stack, "aws_kms_key"))


@pytest.mark.parametrize("name", SIGNERS)
def test_key_is_used_by_the_roles_it_names(bootstraps: dict[str, Stack], name: str) -> None:
    """A key's own policy names the roles that may sign by it, and no other may."""
    for alias, roles in SIGNERS[name].items():
        _, used = policy_of(bootstraps[name], alias)
        assert used["Action"] == ["kms:GetPublicKey", "kms:Sign"]
        assert used["Condition"] == {"ArnEquals": {"aws:PrincipalArn": [f"{ROLE}{role}" for role in roles]}}


@pytest.mark.parametrize("name", SIGNERS)
def test_role_may_sign_by_the_keys_that_name_it(bootstraps: dict[str, Stack], name: str) -> None:
    """Key and role say the same: neither grant does anything without the other."""
    stack = bootstraps[name]
    wanted: dict[str, set[str]] = {}
    for alias, roles in SIGNERS[name].items():
        for role in roles:
            wanted.setdefault(role, set()).add(by_alias(stack)[alias])

    assert {role: _keys_of(stack, role) for role in _roles(stack)} == wanted


def _roles(stack: Stack) -> Sequence[str]:
    names = [body["name"] for body in resources(stack, "aws_iam_role").values()]
    return [name for name in names if name.startswith("tollgate-")]


def _keys_of(stack: Stack, role: str) -> set[str]:
    (id_,) = [id_ for id_, body in resources(stack, "aws_iam_role").items() if body["name"] == role]
    return {
        arn.split(".")[1]
        for body in resources(stack, "aws_iam_role_policy").values()
        if body["role"] == f"${{aws_iam_role.{id_}.id}}"
        for statement in json.loads(body["policy"])["Statement"]
        if statement["Sid"] == "Sign"
        for arn in statement["Resource"]
    }


@pytest.mark.parametrize("name", SIGNERS)
def test_account_looks_after_a_key_and_never_uses_it(bootstraps: dict[str, Stack], name: str) -> None:
    """The account may name, disable and delete a key, for Terraform does; it cannot sign."""
    for alias in SIGNERS[name]:
        cared, _ = policy_of(bootstraps[name], alias)
        assert {"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"} <= set(cared["Action"])
        assert "kms:Sign" not in cared["Action"]


def test_keys_sign_and_do_nothing_else(bootstraps: dict[str, Stack]) -> None:
    """The keys are pairs for signing, on the curve that the pipeline verifies."""
    for stack in bootstraps.values():
        for key in resources(stack, "aws_kms_key").values():
            assert key["key_usage"] == "SIGN_VERIFY"
            assert key["customer_master_key_spec"] == "ECC_NIST_P256"
