"""What was begun or approved comes before anything new, whatever stands still elsewhere: with real Terraform."""

import itertools
import shutil

import pytest

from pipeline.host import lock
from pipeline.model.kinds import Kind, Operation, Outcome
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def deployed(tiny: TinyProject) -> TinyProject:
    """The tiny project with a release in dev and prod."""
    tiny.succeed("promote")
    tiny.succeed("approve", "prod", "--reason", "go", "--go")
    return tiny


@pytest.fixture
def interrupted(deployed: TinyProject) -> TinyProject:
    """The tiny project with an approved run that was killed in prod."""
    deployed.write("value.txt", next(_values))
    deployed.succeed("promote")
    deployed.killed_at("started", "approve", "prod", "--reason", "go", "--go")
    assert deployed.status()["prod"]["state"] == "degraded"
    return deployed


def _break_dev(tiny: TinyProject) -> None:
    tiny.write("value.txt", next(_values))
    tiny.service.status = 500
    try:
        assert tiny.tollgate("promote", "--to", "dev").returncode == 1
    finally:
        tiny.service.status = 200


def test_a_broken_dev_keeps_nobody_from_finishing_prod(interrupted: TinyProject) -> None:
    """The run that was killed in prod is finished by the next promote, which then stops at dev."""
    _break_dev(interrupted)

    result = interrupted.tollgate("promote")

    assert (result.returncode, "the last change did not hold" in result.stdout) == (3, True), result.stderr
    assert interrupted.status()["prod"]["state"] == "deployed"
    interrupted.succeed("recover", "dev")


def test_a_checkout_that_is_not_fit_keeps_nobody_from_finishing(interrupted: TinyProject) -> None:
    """A failing check of what lies here stops what lies here, not what was begun with another release."""
    check = (interrupted.root / "check.py").read_text()
    interrupted.write("check.py", "raise SystemExit('no good')\n")
    try:
        result = interrupted.tollgate("promote")
    finally:
        interrupted.write("check.py", check)

    assert (result.returncode, "the check unit failed" in result.stderr) == (3, True), result.stderr
    assert interrupted.status()["prod"]["state"] == "deployed"


def test_one_that_cannot_be_finished_now_keeps_no_other(interrupted: TinyProject) -> None:
    """While somebody is at work in dev, prod is finished; then it is said who that is."""
    interrupted.write("value.txt", next(_values))
    interrupted.killed_at("started", "promote", "--to", "dev")
    with lock.hold(interrupted.home / "locks" / "local.dev.lock", "looking at dev"):
        result = interrupted.tollgate("promote")

    assert result.returncode == 1
    assert "dev is held: " in result.stderr
    rows = interrupted.status()
    assert (rows["dev"]["state"], rows["prod"]["state"]) == ("degraded", "deployed")
    interrupted.succeed("recover", "dev")


def test_recover_finishes_what_was_interrupted_and_touches_nothing_else(interrupted: TinyProject) -> None:
    """The command that status names ends the run under the approval that was given for it."""
    interrupted.write("value.txt", next(_values))
    before = len(interrupted.entries())
    unblock = interrupted.status()["prod"]["blocks"][0]["unblock"]

    interrupted.succeed("recover", "prod")

    (end,) = interrupted.entries()[before:]
    body = end.body
    assert unblock == "`nox -s recover -- prod` finishes it"
    assert (end.kind, body["outcome"], body["environment"]) == (Kind.END, Outcome.SUCCEEDED, "prod")
    assert body["operation"] == Operation.FORWARD


def test_an_approved_way_back_is_applied_although_dev_is_broken(deployed: TinyProject) -> None:
    """Who said yes to a rollback need not mend dev first: promote goes back before it looks at dev."""
    deployed.write("value.txt", next(_values))
    deployed.succeed("promote")
    deployed.succeed("approve", "prod", "--reason", "go", "--go")
    bad = deployed.status()["prod"]["release"]
    _break_dev(deployed)
    deployed.succeed("rollback", "prod", "--reason", "500 on refunds")

    said = deployed.succeed("approve", "prod", "--reason", "yes, back")
    result = deployed.tollgate("promote")

    assert "prod: approved by " in said
    assert "next: `nox -s rollback -- prod --to " in said
    assert result.returncode == 3, result.stderr
    row = deployed.status()["prod"]
    assert (row["state"], row["release"] == bad) == ("held", False)
    deployed.succeed("recover", "dev")
    deployed.succeed("unhold", "prod", "--reason", "mended")


def test_the_same_rollback_again_uses_its_approval(deployed: TinyProject) -> None:
    """The command that approve prints goes back once, and the hold that was on keeps its reason."""
    deployed.succeed("hold", "prod", "--reason", "the auditors are here")
    deployed.succeed("rollback", "prod", "--reason", "rounding is wrong")
    held = deployed.status()["prod"]["release"]
    deployed.succeed("approve", "prod", "--reason", "yes, back")
    deployed.succeed("rollback", "prod", "--reason", "as approved")

    hold = [entry for entry in deployed.entries() if entry.kind is Kind.HOLD][-1].body["reason"]
    row = deployed.status()["prod"]
    assert (row["state"], row["release"] == held) == ("held", False)
    assert "rounding is wrong; " in hold
    assert hold.endswith("held it before: the auditors are here")
    deployed.succeed("unhold", "prod", "--reason", "they left")


def test_a_release_that_is_not_here_names_its_commit(deployed: TinyProject) -> None:
    """A rollback to what this machine does not have says so, and records nothing."""
    kept = deployed.home / "releases"
    shutil.copytree(kept, deployed.home / "kept")
    shutil.rmtree(kept)
    before = len(deployed.entries())
    try:
        result = deployed.tollgate("rollback", "prod", "--reason", "x")
    finally:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(deployed.home / "kept", kept)

    assert result.returncode == 3, result.stderr
    assert "is not on this machine" in result.stderr
    assert "take it from where it was built" in result.stderr
    assert len(deployed.entries()) == before


def test_an_approved_destroy_names_the_command_that_does_only_that(deployed: TinyProject) -> None:
    """What approve prints destroys prod, and neither builds nor deploys anything elsewhere on the way."""
    dev = deployed.serial("dev")
    deployed.succeed("destroy", "prod")

    said = deployed.succeed("approve", "prod", "--reason", "no longer needed")
    deployed.succeed("destroy", "prod")

    assert "next: `nox -s destroy -- prod` applies it" in said
    assert deployed.status()["prod"]["state"] == "empty"
    assert deployed.serial("dev") == dev
