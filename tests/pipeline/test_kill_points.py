"""A run that is killed at any named point is finished by the next one: nothing twice, nothing lost, nothing stuck.

`power cut` kills what the pipeline runs at that moment too, Terraform above all; else Terraform lives on. What real
resources a killed Terraform leaves behind is in `test_adopt_killed.py`.
"""

import ast
import itertools
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.deploy.terraform_binary import find_terraform
from pipeline.host.faults import POINTS
from pipeline.model.history import read_history
from pipeline.model.kinds import Kind, Outcome
from pipeline.model.ledger import Entry
from pipeline.stores.ledger import Ledger
from tests.pipeline.tiny_project import REPOSITORY, TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())
_POWER_CUT = "power cut"
_PIPELINE_ALONE = "pipeline alone"

_ON_THE_WAY = (
    ("release-built", _PIPELINE_ALONE),
    ("candidate-recorded", _PIPELINE_ALONE),
    ("verified", _POWER_CUT),
    ("locked", _PIPELINE_ALONE),
    ("initialised", _POWER_CUT),
    ("planning", _PIPELINE_ALONE),
    ("planning", _POWER_CUT),
    ("planned", _PIPELINE_ALONE),
    ("anchored", _POWER_CUT),
    ("ledger-pushed", _PIPELINE_ALONE),
    ("started", _POWER_CUT),
    ("applying", _POWER_CUT),
    ("smoked", _PIPELINE_ALONE),
    ("proven", _POWER_CUT),
    ("ended", _POWER_CUT),
)
"""Where one release is killed on its way to dev, each time a step further."""

_KILLS_WHO_PUSHES = """
import pathlib, sys, psutil
order = pathlib.Path("kill")
if order.exists():
    exit_code = int(order.read_text())
    order.unlink()
    for parent in psutil.Process().parents():
        if parent.cmdline()[1:3] == ["-m", "pipeline"]:
            parent.kill()
    sys.exit(exit_code)
"""

_IN_THE_APPLY = (
    ("applying", _PIPELINE_ALONE),
    ("half-applied", _POWER_CUT),
    ("applied-unsaved", _POWER_CUT),
    ("applied", _PIPELINE_ALONE),
)
"""Where it is killed once: nobody knows how far Terraform comes, and when all is applied the next is never reached."""

_ELSEWHERE = {"shown", "adopting", "bootstrap-planned", "bootstrap-applying", "bootstrap-applied"}


@pytest.fixture(scope="module")
def deployed(tiny: TinyProject) -> TinyProject:
    """The tiny project with a release in dev."""
    tiny.succeed("promote", "--to", "dev")
    return tiny


def test_every_point_is_reached_and_tried() -> None:
    """The points that tests name are those that the code says it is at, and each is tried somewhere."""
    said = set()
    for path in (REPOSITORY / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "reached":
                said.add(ast.literal_eval(node.args[0]))

    assert said == set(POINTS)
    assert {point for point, _ in _ON_THE_WAY + _IN_THE_APPLY} | _ELSEWHERE == set(POINTS)
    assert len(_ON_THE_WAY) >= 15


def test_a_run_killed_at_every_point_in_turn_comes_to_its_end(deployed: TinyProject) -> None:
    """Each run goes on where the one before was killed: one start, one success, no second apply, no lost entry."""
    deployed.write("value.txt", next(_values))
    before = deployed.entries()
    told, applied = before, None
    for point, how in _ON_THE_WAY:
        _kill(deployed, point, how, "promote", "--to", "dev")
        entries = deployed.entries()
        assert _digests(entries)[: len(told)] == _digests(told), f"{point}: an entry was lost"
        told = entries
        if point == "smoked":
            applied = deployed.serial("dev")

    deployed.succeed("promote", "--to", "dev")

    new = deployed.entries()[len(before) :]
    assert [entry.body["outcome"] for entry in new if entry.kind is Kind.END] == [Outcome.SUCCEEDED]
    assert [entry.kind for entry in new].count(Kind.START) == 1
    assert [entry.kind for entry in new].count(Kind.CANDIDATE) == 1
    assert deployed.status()["dev"]["state"] == "deployed"
    assert deployed.serial("dev") == applied


@pytest.mark.parametrize(("point", "how"), _IN_THE_APPLY)
def test_what_was_killed_in_the_apply_is_applied_once(deployed: TinyProject, point: str, how: str) -> None:
    """A Terraform that lives on is waited for, a dead one's lock is removed; the state is written once."""
    deployed.write("value.txt", next(_values))
    before = len(deployed.entries())
    serial = deployed.serial("dev")
    _kill(deployed, point, how, "promote", "--to", "dev")

    deployed.succeed("promote", "--to", "dev")

    new = deployed.entries()[before:]
    assert [entry.body["outcome"] for entry in new if entry.kind is Kind.END] == [Outcome.SUCCEEDED]
    assert [entry.kind for entry in new].count(Kind.START) == 1
    assert deployed.serial("dev") == serial + 1
    assert list((deployed.home / "applies").rglob("*.jsonl")) == []


def test_an_approved_run_is_finished_under_its_approval(deployed: TinyProject) -> None:
    """What was shown before a kill waits; approved and killed again and again it needs no second approval."""
    deployed.write("value.txt", next(_values))
    _kill(deployed, "shown", _PIPELINE_ALONE, "promote")
    assert deployed.status()["prod"]["state"] == "waiting"
    _kill(deployed, "started", _PIPELINE_ALONE, "approve", "prod", "--reason", "once", "--go")
    for point in ("applied-unsaved", "proven"):
        _kill(deployed, point, _POWER_CUT, "promote")

    deployed.succeed("promote")

    history = read_history(deployed.entries())
    rows = deployed.status()
    assert rows["prod"]["state"] == "deployed"
    assert rows["prod"]["release"] == rows["dev"]["release"]
    approvals = [entry for entry in deployed.entries() if entry.kind is Kind.APPROVAL]
    used = [
        digest
        for entry in deployed.entries()
        if entry.kind is Kind.START
        for digest in entry.body["approvals"]
    ]
    assert len(used) == len(set(used))
    assert approvals[-1].digest in used
    assert history.candidate is not None


def test_a_run_killed_while_it_pushes_to_the_ledgers_remote_is_finished(
    deployed: TinyProject, tmp_path: Path
) -> None:
    """Whether the remote took the entry or not, it is there once in the end, on both sides, and nothing runs twice."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!{sys.executable}\n{_KILLS_WHO_PUSHES}")
    hook.chmod(0o755)
    where = {"TOLLGATE_LEDGER_REMOTE": str(remote)}
    deployed.succeed("promote", "--to", "dev", **where)
    deployed.write("value.txt", next(_values))
    before, serial = len(deployed.entries()), deployed.serial("dev")

    for exit_code in "00101":  # evidence, candidate, then start and end, which are refused first
        (remote / "kill").write_text(exit_code)
        killed = deployed.tollgate("promote", "--to", "dev", **where)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    deployed.succeed("promote", "--to", "dev", **where)

    kinds = [entry.kind for entry in deployed.entries()[before:]]
    assert kinds == [Kind.EVIDENCE, Kind.CANDIDATE, Kind.START, Kind.END]
    assert deployed.entries() == Ledger(remote).entries()
    assert deployed.serial("dev") == serial + 1


def test_ctrl_c_during_a_run_says_how_to_finish_it(deployed: TinyProject, tmp_path: Path) -> None:
    """Ctrl-C ends with exit code 130 and one sentence, and the next run goes on."""
    deployed.write("value.txt", next(_values))
    at_work = tmp_path / "at-work"
    terraform = tmp_path / "terraform"  # one whose plan takes until it is stopped
    real = shlex.join(find_terraform().argv)
    endless = f"touch {shlex.quote(str(at_work))}; exec sleep 3600"
    terraform.write_text(f'#!/bin/sh\ncase " $* " in *" plan "*) {endless};; esac\nexec {real} "$@"\n')
    terraform.chmod(0o755)
    process = deployed.start("promote", "--to", "dev", TOLLGATE_TERRAFORM=str(terraform))
    until = time.monotonic() + 300
    while not at_work.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr
    deployed.succeed("promote", "--to", "dev")
    assert deployed.status()["dev"]["state"] == "deployed"


def test_two_promotions_at_once_have_one_winner(deployed: TinyProject) -> None:
    """Two runs for one instance: one carries the release, the other says who holds it or finds the work done."""
    deployed.write("value.txt", next(_values))
    before = len(deployed.entries())
    runs = [deployed.start("promote", "--to", "dev") for _ in range(2)]
    ended = [run.communicate(timeout=180) for run in runs]

    codes = sorted(run.returncode for run in runs)
    said = " ".join(stderr for _, stderr in ended)
    assert codes[0] == 0
    if codes[1] != 0:
        assert "is held" in said or "wrote to the ledger" in said
    deployed.succeed("promote", "--to", "dev")
    new = deployed.entries()[before:]
    assert [entry.body["outcome"] for entry in new if entry.kind is Kind.END] == [Outcome.SUCCEEDED]
    assert len([entry for entry in new if entry.kind is Kind.START]) == 1


def test_no_lock_is_left_behind(deployed: TinyProject) -> None:
    """After all the kills above neither Terraform's lock nor ours is left beside the state."""
    account = deployed.account("dev")
    time.sleep(0.5)
    listed = account.client("s3").list_objects_v2(Bucket=f"tollgate-state-{account.account_id}")
    names = [item["Key"] for item in listed["Contents"]]

    assert not [name for name in names if name.endswith((".tflock", "promotion.lock"))]
    assert list((deployed.home / "work").iterdir()) == []


def _kill(tiny: TinyProject, point: str, how: str, *arguments: str) -> None:
    """Run a verb that is killed at a point; in a power cut Terraform goes with it."""
    everything = {"TOLLGATE_KILL_ALL": "1"} if how == _POWER_CUT else {}
    result = tiny.tollgate(*arguments, TOLLGATE_KILL_AT=point, **everything)
    assert result.returncode == -signal.SIGKILL, f"{point}: {result.stdout}\n{result.stderr}"


def _digests(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.digest for entry in entries]
