"""A lock is broken by itself for a dead owner only; for one that nobody can see a person says so, on record."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.host.lock import Owner, hold
from pipeline.model.kinds import Kind
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_ELSEWHERE = {"host": "build-7", "boot": "another", "installation": "another"}
_PROMOTION = "dev/dev/promotion.lock"
_STATE = "dev/dev/terraform.tfstate.tflock"
_VERB = ("break-lock", "dev", "--reason", "build-7 was thrown away")


@pytest.fixture
def deployed(tiny: TinyProject) -> Iterator[TinyProject]:
    """The tiny project with a release in dev; no lock is left behind."""
    if not tiny.entries():
        tiny.succeed("promote", "--to", "dev")
    yield tiny
    for key in (_PROMOTION, _STATE):
        tiny.account("dev").client("s3").delete_object(Bucket=_bucket(tiny), Key=key)


def test_the_locks_of_a_machine_that_is_gone_are_removed_by_a_word(deployed: TinyProject) -> None:
    """Nothing goes on before; then an entry says whose locks were broken, by whom and why, and the next run goes on."""
    _leave(deployed, _PROMOTION, json.loads(Owner.me("promoting abc").to_json()) | _ELSEWHERE)
    _leave(deployed, _STATE, _terraform_lock("ann@build-7"))

    refused = deployed.tollgate("promote", "--to", "dev", "--check")
    assert refused.returncode != 0
    assert "another promotion is at work there" in refused.stderr
    assert "nox -s break_lock -- dev --reason TEXT" in " ".join(refused.stderr.split())
    said = deployed.succeed(*_VERB)

    assert "build-7" in said
    entry = deployed.entries()[-1]
    assert entry.kind is Kind.BREAK_LOCK
    assert "on build-7" in entry.body["owner"]
    assert "Terraform of ann@build-7" in entry.body["owner"]
    assert entry.body["reason"] == "build-7 was thrown away"
    deployed.succeed("promote", "--to", "dev", "--check")


def test_the_state_lock_of_another_machine_is_respected(deployed: TinyProject) -> None:
    """Only its owner or a person's word removes it, and the message says which word."""
    _leave(deployed, _STATE, _terraform_lock("ann@build-7"))

    result = deployed.tollgate("promote", "--to", "dev", "--check")

    assert result.returncode != 0
    assert "the state of dev is locked by ann@build-7 since 2026-01-01 09:00:00 UTC" in " ".join(
        result.stderr.split()
    )
    assert "nox -s break_lock -- dev --reason TEXT" in " ".join(result.stderr.split())


def test_a_lock_of_a_living_owner_is_not_broken(deployed: TinyProject) -> None:
    """A process of this machine can be waited for or ended; nobody takes its lock from it, and nothing is recorded."""
    _leave(deployed, _PROMOTION, json.loads(Owner.me("promoting abc").to_json()))
    before = len(deployed.entries())

    result = deployed.tollgate(*_VERB)

    assert result.returncode == 3
    assert "lives on this machine" in " ".join(result.stderr.split())
    assert len(deployed.entries()) == before


def test_a_run_of_this_checkout_is_not_disturbed(deployed: TinyProject) -> None:
    """While this checkout is at work there, there is nothing to break."""
    with hold(deployed.home / "locks" / "local.dev.lock", "promoting something else"):
        result = deployed.tollgate(*_VERB)

    assert result.returncode != 0
    assert "dev is held: " in result.stderr


def test_where_no_lock_is_none_is_broken(deployed: TinyProject) -> None:
    """Nothing is recorded for a lock that is not there."""
    result = deployed.tollgate(*_VERB)

    assert result.returncode == 3
    assert "no lock is on dev" in result.stderr


def _bucket(tiny: TinyProject) -> str:
    return f"tollgate-state-{tiny.account('dev').account_id}"


def _leave(tiny: TinyProject, key: str, content: dict[str, Any]) -> None:
    tiny.account("dev").client("s3").put_object(
        Bucket=_bucket(tiny), Key=key, Body=json.dumps(content).encode()
    )


def _terraform_lock(who: str) -> dict[str, Any]:
    return {
        "ID": "11111111-2222-3333-4444-555555555555",
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": who,
        "Version": "1.11.4",
        "Created": "2026-01-01T09:00:00Z",
        "Path": "somewhere",
    }
