"""The story a newcomer sees: one release, built once, carried through dev, staging and prod on this machine."""

import os
import signal
import subprocess
import uuid

import httpx
import pytest

from pipeline.model.environment import Instance
from pipeline.model.kinds import Kind, Outcome
from tests.browser import TakePictures
from tests.e2e.conftest import World

pytestmark = pytest.mark.cloud
_ANSWER_SECONDS = 120
"""How long the first request after a start may take: on a busy machine a function needs many seconds to start."""

_PAYMENT = {"amount": 1500, "currency": "KRW", "customer_id": "cus_story", "payment_method": "tok_visa"}


def test_one_command_deploys_dev_and_staging_and_lets_prod_wait(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """Dev and staging run one release, and prod shows the change set, the gate and the command."""
    rows = world.status()

    assert [rows[name]["state"] for name in ("dev", "staging", "prod")] == ["deployed", "deployed", "waiting"]
    assert rows["dev"]["release"] == rows["staging"]["release"] == rows["prod"]["wanted"]
    assert "Change set " in promoted.stdout
    assert "for prod" in promoted.stdout
    assert 'nox -s approve -- prod --reason "…"' in promoted.stdout
    assert max(map(len, promoted.stdout.splitlines())) <= 80


def test_a_waiting_release_costs_no_second_plan(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """Promoting again while prod waits asks no cloud and writes nothing."""
    before = len(world.entries())
    result = world.succeed("promote", "--allow-dirty")

    assert " plan " not in result.stderr
    assert "prod     still waits" in result.stderr
    assert len(world.entries()) == before


def test_plan_shows_what_waits_and_changes_nothing(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """`plan prod` shows the very change set that waits, by its digest, and records nothing."""
    before = len(world.entries())
    waiting = world.status()["prod"]["waiting"]
    result = world.succeed("plan", "prod")

    assert f"Change set {waiting.removeprefix('sha256:')[:12]} for prod" in result.stdout
    assert len(world.entries()) == before


def test_an_apply_that_breaks_in_prod_goes_on_by_nobody_but_a_person(
    world: World, promoted: subprocess.CompletedProcess[str], picture: TakePictures
) -> None:
    """A table that somebody made under a name prod needs stops the apply midway: said, kept, and not tried again."""
    dynamodb = world.account("prod").client("dynamodb")
    name = world.outputs(Instance("staging", "staging"))["transactions_table_name"].replace("staging", "prod")
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "theirs", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "theirs", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    broken = world.tollgate("approve", "prod", "--reason", "the first release", "--go")

    assert broken.returncode == 1
    assert name in broken.stderr
    assert "nox -s recover -- prod" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert world.status()["prod"]["state"] == "degraded"
    picture(world.succeed, degraded="#board")
    before = len(world.entries())
    world.tollgate("promote", "--allow-dirty")
    assert (len(world.entries()), world.status()["prod"]["state"]) == (before, "degraded")
    dynamodb.delete_table(TableName=name)


def test_an_approval_recovers_by_exactly_what_was_shown(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """`recover` shows what is left to do; after an approval of that the same digest runs three times."""
    asked = world.succeed("recover", "prod")
    assert "for prod" in asked.stdout
    waiting = world.status()["prod"]["waiting"]
    world.succeed("approve", "prod", "--reason", "the table is out of the way", "--go")

    rows = world.status()
    assert len({rows[name]["release"] for name in ("dev", "staging", "prod")}) == 1
    assert rows["prod"]["state"] == "deployed"
    start = [entry for entry in world.entries() if entry.kind is Kind.START][-1]
    approval = [entry for entry in world.entries() if entry.kind is Kind.APPROVAL][-1]
    assert start.body["change_set"] == waiting
    assert start.body["approvals"] == [approval.digest]


def test_a_key_is_not_written_to_a_log(world: World, promoted: subprocess.CompletedProcess[str]) -> None:
    """Without a terminal `key` refuses, unless it is told that this is meant."""
    result = world.tollgate("key", "prod")

    assert result.returncode == 3
    assert result.stdout == ""
    assert "a key is not written to a log" in result.stderr


def test_prod_answers_a_real_payment(world: World, promoted: subprocess.CompletedProcess[str]) -> None:
    """With what `key` prints a payment is made in prod over HTTP and read back."""
    endpoint = world.endpoint("prod")
    headers = {"x-api-key": endpoint["api_key"], "Idempotency-Key": f"story-{uuid.uuid4().hex}"}
    made = httpx.post(f"{endpoint['url']}/payments", json=_PAYMENT, headers=headers, timeout=_ANSWER_SECONDS)
    read = httpx.get(
        f"{endpoint['url']}/payments/{made.json()['id']}", headers=headers, timeout=_ANSWER_SECONDS
    )

    assert made.status_code == 201
    assert read.json()["amount"] == 1500


def test_nothing_to_do_ends_without_a_plan(world: World, promoted: subprocess.CompletedProcess[str]) -> None:
    """Promoting what already runs everywhere asks no cloud, writes nothing and says so."""
    before = len(world.entries())
    result = world.succeed("promote", "--allow-dirty")

    assert " plan " not in result.stderr
    assert result.stderr.count(" already") == 3
    assert len(world.entries()) == before


def test_what_is_changed_behind_its_back_is_seen_and_healed(
    world: World, promoted: subprocess.CompletedProcess[str], picture: TakePictures
) -> None:
    """Memory that somebody gave the function by hand is shown with both values, stops promotion, and is put right."""
    functions = world.account("dev").client("lambda")
    name = world.outputs(Instance("dev", "dev"))["function_name"]
    release = world.status()["dev"]["release"]
    functions.update_function_configuration(FunctionName=name, MemorySize=640)

    found = world.tollgate("drift", "dev")
    assert found.returncode == 4, found.stderr
    assert "memory_size: 640 → 512" in " ".join(found.stdout.split())
    assert world.status()["dev"]["state"] == "drifted"
    picture(world.succeed, drifted="#board")
    world.succeed("heal", "dev")

    assert functions.get_function_configuration(FunctionName=name)["MemorySize"] == 512
    assert (world.status()["dev"]["state"], world.status()["dev"]["release"]) == ("deployed", release)
    assert world.succeed("drift", "dev").returncode == 0


def test_a_clean_stop_of_the_cloud_loses_nothing(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """After `cloud down` and up again the same endpoint gives the same payment for the same key."""
    endpoint = world.endpoint("dev")
    headers = {"x-api-key": endpoint["api_key"], "Idempotency-Key": f"story-{uuid.uuid4().hex}"}
    made = httpx.post(f"{endpoint['url']}/payments", json=_PAYMENT, headers=headers, timeout=_ANSWER_SECONDS)
    world.succeed("cloud", "down")
    world.succeed("cloud", "up")
    again = httpx.post(f"{endpoint['url']}/payments", json=_PAYMENT, headers=headers, timeout=_ANSWER_SECONDS)

    assert again.json()["id"] == made.json()["id"]


def test_an_account_that_dies_in_the_middle_of_the_apply_is_not_waited_for(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """A second instance beside dev: the run says which account died, and the next one asks what may have been lost."""
    run = _in_the_middle_of_the_apply(world)
    (dev,) = [row for row in world.cloud() if row["environment"] == "dev"]
    os.kill(dev["pid"], signal.SIGKILL)
    _, stderr = run.communicate(timeout=900)

    assert run.returncode == 1
    assert "the emulated account of dev died during the apply" in stderr
    assert "Traceback" not in stderr
    assert world.status()["dev/pr-42"]["state"] == "degraded"
    assert "plan" in world.succeed("promote", "--allow-dirty", "--to", "dev").stderr
    assert world.status()["dev"]["state"] == "deployed"


def test_a_run_killed_in_the_middle_of_the_apply_is_finished(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """The second instance again: killed mid-apply, its Terraform finishes, and the next run proves the whole."""
    run = _in_the_middle_of_the_apply(world)
    run.send_signal(signal.SIGKILL)
    run.communicate()

    result = world.succeed("promote", "--allow-dirty", "--to", "dev", "--suffix", "pr-42")

    assert "waiting for it to end" in result.stderr
    ends = [
        entry.body["outcome"]
        for entry in world.entries()
        if entry.kind is Kind.END and entry.body["suffix"] == "pr-42"
    ]
    assert ends == [Outcome.ERRORED, Outcome.SUCCEEDED]
    rows = world.status()
    assert rows["dev/pr-42"]["release"] == rows["dev"]["release"]


def _in_the_middle_of_the_apply(world: World) -> subprocess.Popen[str]:
    """Return a run that is at work on the second instance."""
    run = world.start("promote", "--allow-dirty", "--to", "dev", "--suffix", "pr-42")
    assert run.stderr is not None
    for line in run.stderr:
        if "apply:" in line:
            break
    return run


def test_instances_beside_each_other_share_nothing(
    world: World, promoted: subprocess.CompletedProcess[str]
) -> None:
    """Destroying the second instance leaves the first one answering, and nothing of the second."""
    other = world.endpoint("dev", "--suffix", "pr-42")["url"]
    world.succeed("destroy", "dev", "--suffix", "pr-42")

    assert "dev/pr-42" not in world.status()
    endpoint = world.endpoint("dev")
    assert httpx.get(f"{endpoint['url']}/health", timeout=_ANSWER_SECONDS).status_code == 200
    assert httpx.get(f"{other}/health", timeout=_ANSWER_SECONDS).status_code >= 400
    tables = world.account("dev").client("dynamodb").list_tables()["TableNames"]
    assert tables == [world.outputs(Instance("dev", "dev"))["transactions_table_name"]]
