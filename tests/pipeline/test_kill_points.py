"""A run that is killed at any named point is finished by the next one: nothing twice, nothing lost, nothing stuck."""

import itertools
import signal
import time

import pytest

from pipeline.host.faults import POINTS
from pipeline.model.history import read_history
from pipeline.model.kinds import Kind, Outcome
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())
_NOT_ON_THE_WAY_TO_DEV = {"shown"}
_AFTER_APPLY = {"applied", "smoked", "proven", "ended"}


@pytest.mark.parametrize("point", [point for point in POINTS if point not in _NOT_ON_THE_WAY_TO_DEV])
def test_the_next_run_finishes_what_was_killed(tiny: TinyProject, point: str) -> None:
    """Killed at a point, then run again: one success is recorded and what was applied is not applied again."""
    tiny.write("value.txt", next(_values))
    before = len(tiny.entries())
    tiny.killed_at(point, "promote", "--to", "dev")
    applied = tiny.serial("dev") if point in _AFTER_APPLY else None

    tiny.succeed("promote", "--to", "dev")

    new = tiny.entries()[before:]
    ends = [entry.body["outcome"] for entry in new if entry.kind is Kind.END]
    starts = [entry for entry in new if entry.kind is Kind.START]
    assert ends == [Outcome.SUCCEEDED]
    assert len(starts) == 1
    assert tiny.status()["dev"]["state"] == "deployed"
    assert applied in {None, tiny.serial("dev")}


def test_a_kill_after_a_change_set_was_shown_leaves_it_waiting(tiny: TinyProject) -> None:
    """The approver finds exactly the change set that was recorded before the kill, and one approval applies it."""
    tiny.write("value.txt", next(_values))
    tiny.killed_at("shown", "promote")

    assert tiny.status()["prod"]["state"] == "waiting"
    tiny.succeed("approve", "prod", "--reason", "as shown", "--go")
    rows = tiny.status()
    assert rows["prod"]["state"] == "deployed"
    assert rows["prod"]["release"] == rows["dev"]["release"]


@pytest.mark.parametrize("point", ["started", "applying", "applied", "proven"])
def test_an_approved_run_is_finished_under_its_approval(tiny: TinyProject, point: str) -> None:
    """What was approved and then killed needs no second approval: the start entry has used it."""
    tiny.write("value.txt", next(_values))
    tiny.succeed("promote")
    tiny.killed_at(point, "approve", "prod", "--reason", "once", "--go")

    tiny.succeed("promote")

    history = read_history(tiny.entries())
    assert tiny.status()["prod"]["state"] == "deployed"
    approvals = [entry for entry in tiny.entries() if entry.kind is Kind.APPROVAL]
    used = [
        digest for entry in tiny.entries() if entry.kind is Kind.START for digest in entry.body["approvals"]
    ]
    assert len(used) == len(set(used))
    assert approvals[-1].digest in used
    assert history.candidate is not None


def test_ctrl_c_during_a_run_says_how_to_finish_it(tiny: TinyProject) -> None:
    """Ctrl-C ends with exit code 130 and one sentence, and the next run goes on."""
    tiny.write("value.txt", next(_values))
    process = tiny.start("promote", "--to", "dev")
    assert process.stderr is not None
    for line in process.stderr:
        if "init" in line:
            break
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr
    tiny.succeed("promote", "--to", "dev")
    assert tiny.status()["dev"]["state"] == "deployed"


def test_two_promotions_at_once_have_one_winner(tiny: TinyProject) -> None:
    """Two runs for one instance: one carries the release, the other says who holds it or finds the work done."""
    tiny.write("value.txt", next(_values))
    before = len(tiny.entries())
    runs = [tiny.start("promote", "--to", "dev") for _ in range(2)]
    ended = [run.communicate(timeout=180) for run in runs]

    codes = sorted(run.returncode for run in runs)
    said = " ".join(stderr for _, stderr in ended)
    assert codes[0] == 0
    if codes[1] != 0:
        assert "is held" in said or "wrote to the ledger" in said
    tiny.succeed("promote", "--to", "dev")
    new = tiny.entries()[before:]
    assert [entry.body["outcome"] for entry in new if entry.kind is Kind.END] == [Outcome.SUCCEEDED]
    assert len([entry for entry in new if entry.kind is Kind.START]) == 1


def test_no_lock_is_left_behind(tiny: TinyProject) -> None:
    """After all the kills above neither Terraform's lock nor ours is left beside the state."""
    account = tiny.account("dev")
    time.sleep(0.5)
    listed = account.client("s3").list_objects_v2(Bucket=f"tollgate-state-{account.account_id}")
    names = [item["Key"] for item in listed["Contents"]]

    assert not [name for name in names if name.endswith((".tflock", "promotion.lock"))]
    assert list((tiny.home / "work").iterdir()) == []
