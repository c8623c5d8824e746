"""Promotion by its rules: what waits, what an approval covers, what is refused, what is recorded."""

import itertools
import json

import pytest

from pipeline.model.kinds import Kind, Outcome
from pipeline.model.trust import Role
from pipeline.stores.ledger import Ledger
from pipeline.trust.keys import Keys
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())


@pytest.fixture
def waiting(tiny: TinyProject) -> TinyProject:
    """The tiny project with a new release proven in dev and waiting in prod, where nothing else waits before it."""
    if tiny.status()["prod"]["waiting"]:
        tiny.succeed("reject", "prod", "--reason", "make room")
    tiny.write("value.txt", next(_values))
    tiny.succeed("promote")
    assert tiny.status()["prod"]["state"] == "waiting"
    return tiny


def test_an_approval_is_used_once(waiting: TinyProject) -> None:
    """The approval is named by the start entry, and the next change set needs one of its own."""
    waiting.succeed("approve", "prod", "--reason", "fine", "--go")
    waiting.write("value.txt", next(_values))
    waiting.succeed("promote")

    assert waiting.status()["prod"]["state"] == "waiting"
    used = [entry.body["approvals"] for entry in waiting.entries() if entry.kind is Kind.START]
    approvals = [entry.digest for entry in waiting.entries() if entry.kind is Kind.APPROVAL]
    assert used.count([approvals[-1]]) == 1


def test_a_newer_release_queues_behind_what_is_offered(waiting: TinyProject) -> None:
    """An approver keeps what they read; newer releases coalesce behind it, and the newest is offered next."""
    first = waiting.status()["prod"]["waiting"]
    for _ in range(2):
        waiting.write("value.txt", next(_values))
        waiting.succeed("promote")

    row = waiting.status()["prod"]
    assert row["waiting"] == first
    assert row["queued"] == waiting.status()["dev"]["release"] == row["wanted"]
    waiting.succeed("approve", "prod", "--reason", "this one")
    waiting.succeed("promote")
    after = waiting.status()["prod"]
    assert (after["state"], after["release"] != row["wanted"], after["queued"]) == ("waiting", True, None)
    assert [entry.kind for entry in waiting.entries()[-4:]] == [
        Kind.APPROVAL,
        Kind.START,
        Kind.END,
        Kind.SHOWN,
    ]
    assert waiting.entries()[-1].body["release"] == row["wanted"]


def test_another_change_set_than_the_approved_one_is_refused(waiting: TinyProject) -> None:
    """When the state was changed between approval and apply, nothing is applied and the new change set is shown."""
    waiting.succeed("approve", "prod", "--reason", "fine")
    account = waiting.account("prod")
    s3, bucket = account.client("s3"), f"tollgate-state-{account.account_id}"
    state = waiting.state("prod")
    if state is None:
        waiting.succeed("promote")
        waiting.write("value.txt", next(_values))
        waiting.succeed("promote")
        waiting.succeed("approve", "prod", "--reason", "fine")
        state = waiting.state("prod")
    assert state is not None
    state["resources"] = []
    state["serial"] += 1
    s3.put_object(Bucket=bucket, Key="prod/prod/terraform.tfstate", Body=json.dumps(state).encode())

    result = waiting.tollgate("promote")

    assert result.returncode == 3
    assert "what was approved for prod is not what would be done now" in result.stderr
    assert "Change set " in result.stdout
    assert waiting.entries()[-1].kind is Kind.SHOWN
    waiting.succeed("approve", "prod", "--reason", "rebuild it", "--go")
    assert waiting.status()["prod"]["state"] == "deployed"


def test_a_rejected_change_set_stays_rejected_until_asked_again(waiting: TinyProject) -> None:
    """Promoting again is refused with the reason given; `--ask-again` shows the change set anew."""
    waiting.succeed("reject", "prod", "--reason", "not on a Friday")
    refused = waiting.tollgate("promote")

    assert refused.returncode == 3
    assert "not on a Friday" in refused.stdout + refused.stderr
    waiting.succeed("promote", "--ask-again")
    assert waiting.status()["prod"]["state"] == "waiting"


def test_an_expired_approval_can_be_given_again(waiting: TinyProject) -> None:
    """An approval past its time applies nothing, and does not keep the same person from saying yes again."""
    ledger = Ledger(waiting.home / "ledger.git")
    shown = ledger.entries()[-1]
    same = ("environment", "suffix", "release", "change_set", "account", "region", "findings", "settings")
    body = {name: shown.body[name] for name in same} | {
        "shown": shown.digest,
        "reason": "yesterday",
        "expires": "2020-01-01T00:00:00+00:00",
    }
    approver = Keys(waiting.home / "keys", {}, "ann").signer(Role.APPROVER)
    ledger.append(Kind.APPROVAL, body, approver, by="", after=shown.digest)

    waiting.succeed("promote")
    assert waiting.status()["prod"]["state"] == "waiting"
    waiting.succeed("approve", "prod", "--reason", "today", "--go")
    assert waiting.status()["prod"]["state"] == "deployed"


def test_previews_are_promoted_side_by_side(tiny: TinyProject) -> None:
    """Two instances promoted at once share one ledger: both succeed, and both are recorded."""
    runs = [tiny.start("promote", "--to", "dev", "--suffix", name) for name in ("pr-1", "pr-2")]
    ended = [run.communicate(timeout=300) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], ended
    rows = tiny.status()
    assert rows["dev/pr-1"]["state"] == rows["dev/pr-2"]["state"] == "deployed"
    for name in ("pr-1", "pr-2"):
        tiny.succeed("destroy", "dev", "--suffix", name)
    assert "dev/pr-1" not in tiny.status()


def test_a_preview_needs_no_environment_where_only_one_has_previews(tiny: TinyProject) -> None:
    """`promote -- --suffix NAME` deploys beside dev and touches no other instance."""
    before = {row: value["release"] for row, value in tiny.status().items()}

    tiny.succeed("promote", "--suffix", "pr-3")

    rows = {row: value["release"] for row, value in tiny.status().items()}
    assert rows.pop("dev/pr-3") is not None
    assert rows == before
    tiny.succeed("destroy", "dev", "--suffix", "pr-3")


def test_nothing_waiting_cannot_be_approved(tiny: TinyProject) -> None:
    """Approving where nothing waits is refused and writes nothing."""
    before = len(tiny.entries())
    result = tiny.tollgate("approve", "dev", "--reason", "just so")

    assert result.returncode == 3
    assert "nothing waits for a decision in dev" in result.stderr
    assert len(tiny.entries()) == before


def test_a_reason_must_say_something(waiting: TinyProject) -> None:
    """An approval without words is refused."""
    result = waiting.tollgate("approve", "prod", "--reason", "  ")

    assert result.returncode == 2
    assert "a reason of 1 to 1000 characters is needed" in result.stderr


def test_a_failing_smoke_check_leaves_the_instance_degraded_until_it_holds(tiny: TinyProject) -> None:
    """The failure is recorded with its words and what was done; nothing goes on until a person says so."""
    tiny.write("value.txt", next(_values))
    tiny.service.status = 500
    try:
        failed = tiny.tollgate("promote", "--to", "dev")
    finally:
        tiny.service.status = 200

    assert failed.returncode == 1
    assert "the smoke check 'it answers' failed: GET /health answered 500, expected 200" in failed.stderr
    assert "`nox -s recover -- dev` goes forward again, or `nox -s rollback -- dev" in failed.stderr
    assert "dev      was done: terraform_data.first" in failed.stderr
    assert "dev      nothing is left to do" in failed.stderr
    row = tiny.status()["dev"]
    assert row["state"] == "degraded"
    assert "answered 500" in row["blocks"][0]["sentence"]
    end = tiny.entries()[-1].body
    assert (end["outcome"], end["proof"]["left"]) == (Outcome.FAILED, {})
    assert end["proof"]["applied"] == ["terraform_data.first", "terraform_data.second"]
    stopped = tiny.tollgate("promote", "--to", "dev")
    assert (stopped.returncode, "the last change did not hold" in stopped.stderr) == (3, True)
    tiny.succeed("recover", "dev")
    assert tiny.status()["dev"]["state"] == "deployed"


def test_what_to_mend_is_said_before_the_ways_out(tiny: TinyProject) -> None:
    """Checks that ask for what the stack does not have: the hint names what to mend; the mended release recovers."""
    checks = (tiny.root / "smoke.json").read_text()
    tiny.write("smoke.json", checks.replace('"url": "url"', '"url": "address"'))
    try:
        failed = tiny.tollgate("promote", "--to", "dev")
    finally:
        tiny.write("smoke.json", checks)

    assert failed.returncode == 1
    assert "the stack has no output 'address', which the smoke checks need" in failed.stderr
    assert (
        "next:  add the output to the stack, or mend the smoke checks; dev is degraded: mend it, then "
        "`nox -s recover -- dev` goes forward again"
    ) in failed.stderr
    assert tiny.tollgate("promote", "--to", "dev").returncode == 3
    tiny.succeed("recover", "dev")
    assert tiny.status()["dev"]["state"] == "deployed"


def test_a_release_not_proven_in_dev_does_not_reach_prod(tiny: TinyProject) -> None:
    """While dev is degraded the run stops there and prod keeps what it has."""
    tiny.tollgate("reject", "prod", "--reason", "make room")
    tiny.write("value.txt", next(_values))
    prod = tiny.status()["prod"]["release"]
    tiny.service.status = 500
    try:
        assert tiny.tollgate("promote").returncode == 1
    finally:
        tiny.service.status = 200

    rows = tiny.status()
    tiny.succeed("recover", "dev")
    assert rows["prod"]["release"] == prod
    assert any("is not proven in dev" in block["sentence"] for block in rows["prod"]["blocks"])


def test_check_asks_the_cloud_and_rebuilds_what_is_gone(tiny: TinyProject) -> None:
    """With `--check` a resource that vanished behind the ledger's back is made again."""
    tiny.write("value.txt", next(_values))
    tiny.succeed("promote", "--to", "dev")
    account = tiny.account("dev")
    account.client("s3").delete_object(
        Bucket=f"tollgate-state-{account.account_id}", Key="dev/dev/terraform.tfstate"
    )

    assert " plan " not in tiny.tollgate("promote", "--to", "dev").stderr
    tiny.succeed("promote", "--to", "dev", "--check")
    assert tiny.serial("dev") > 0
    assert tiny.entries()[-1].body["outcome"] == Outcome.SUCCEEDED


def test_uncommitted_files_stay_in_dev_unless_said(tiny: TinyProject) -> None:
    """An environment that wants clean releases refuses a dirty one, and takes it with `--allow-dirty`, recorded."""
    tiny.tollgate("reject", "prod", "--reason", "make room")
    prod = (tiny.root / "environments" / "prod.toml").read_text()
    tiny.write("environments/prod.toml", prod.replace("allows-dirty = true", "allows-dirty = false"))
    tiny.succeed("settings", "--reason", "prod takes only what is committed")
    tiny.write("value.txt", next(_values))
    try:
        refused = tiny.tollgate("promote")
        allowed = tiny.tollgate("promote", "--allow-dirty")
    finally:
        tiny.write("environments/prod.toml", prod)
        tiny.succeed("settings", "--reason", "as it was")

    assert refused.returncode == 3
    assert "built from a working tree with uncommitted changes" in refused.stderr
    assert allowed.returncode == 0
    candidate = [entry for entry in tiny.entries() if entry.kind is Kind.CANDIDATE][-1]
    assert candidate.body["dirty_allowed"] is True


def test_json_is_all_that_reaches_standard_output(waiting: TinyProject) -> None:
    """`promote --json`, `plan --json` and `status --json` print one JSON document and nothing else."""
    for verb in (
        ["promote", "--json"],
        ["plan", "prod", "--json"],
        ["status", "--json"],
        ["cloud", "status", "--json"],
    ):
        json.loads(waiting.succeed(*verb))


def test_destroying_asks_where_changes_need_a_person(waiting: TinyProject) -> None:
    """Dev goes at once, prod waits for an approval of its deletion; afterwards both are empty."""
    waiting.succeed("approve", "prod", "--reason", "first", "--go")
    waiting.succeed("destroy", "dev")
    asked = waiting.succeed("destroy", "prod")

    assert "to delete" in asked
    waiting.succeed("approve", "prod", "--reason", "no longer needed", "--go")
    assert {row["state"] for row in waiting.status().values()} == {"empty"}
    nothing = waiting.tollgate("destroy", "dev")
    assert nothing.returncode == 3
    assert "dev is empty; there is nothing to destroy" in nothing.stderr
