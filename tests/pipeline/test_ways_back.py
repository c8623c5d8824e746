"""The ways back, on the tiny project with real Terraform: stop, go back, go forward again, see and heal drift."""

import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.host import lock
from pipeline.model.kinds import Kind, Operation
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())


@pytest.fixture
def both(tiny: TinyProject) -> TinyProject:
    """The tiny project with two releases proven in prod, one after the other."""
    while (
        len({entry.body["release"] for entry in tiny.entries() if entry.kind is Kind.END and _in_prod(entry)})
        < 2
    ):
        tiny.write("value.txt", next(_values))
        tiny.succeed("promote")
        tiny.succeed("approve", "prod", "--reason", "go", "--go")
    return tiny


def _in_prod(entry: object) -> bool:
    return getattr(entry, "body", {}).get("environment") == "prod"


def test_going_back_is_shown_approved_and_held(both: TinyProject) -> None:
    """A rollback is a promotion of what was proven before, with an approval, and nothing rolls forward over it."""
    now = both.status()["prod"]["release"]

    shown = both.succeed("rollback", "prod", "--reason", "customers see errors")
    assert "Change set " in shown
    both.succeed("approve", "prod", "--reason", "yes, back", "--go")
    row = both.status()["prod"]
    assert (row["state"], row["release"] != now) == ("held", True)
    start = [entry for entry in both.entries() if entry.kind is Kind.START][-1].body
    assert (start["operation"], len(start["approvals"])) == (Operation.ROLLBACK, 1)
    assert any(skipped.startswith("hold: ") for skipped in start["skipped"])

    waits = both.tollgate("promote")
    assert waits.returncode == 0
    assert "holds prod" in waits.stderr
    assert both.status()["prod"]["release"] == row["release"]
    both.succeed("unhold", "prod", "--reason", "mended")
    both.succeed("promote")
    both.succeed("approve", "prod", "--reason", "forward again", "--go")
    assert both.status()["prod"]["release"] == now


def test_going_back_where_nothing_is_known_is_refused(both: TinyProject) -> None:
    """Digits that name nothing proven there, and more than one, are told apart; nothing is held."""
    unknown = both.tollgate("rollback", "prod", "--to", "beef", "--reason", "x")

    assert unknown.returncode == 2
    assert "'beef' names no release that was proven in prod" in unknown.stderr
    assert both.status()["prod"]["state"] == "deployed"


def test_a_hold_and_its_end_are_told_who_and_why(both: TinyProject) -> None:
    """Holding twice, ending what is not held, and giving no reason are refused with what is the case."""
    both.succeed("hold", "dev", "--reason", "the auditors are here")

    twice = both.tollgate("hold", "dev", "--reason", "me too")
    both.write("value.txt", next(_values))
    stopped = both.tollgate("promote", "--to", "dev")
    both.succeed("unhold", "dev", "--reason", "they left")
    nobody = both.tollgate("unhold", "dev", "--reason", "again")

    assert (twice.returncode, "holds dev already: the auditors are here" in twice.stderr) == (3, True)
    assert (stopped.returncode, "the auditors are here" in stopped.stderr) == (0, True)
    assert (nobody.returncode, "nobody holds dev" in nobody.stderr) == (3, True)


def _hold_back(both: TinyProject, environment: str) -> None:
    """Let a new release come as far as an environment that is held."""
    both.write("value.txt", next(_values))
    both.succeed("hold", environment, "--reason", "quiet please")
    both.tollgate("promote")


def test_the_glass_is_broken_in_one_place_only(both: TinyProject) -> None:
    """Going past what holds prod shows nothing past what holds dev on the way there."""
    _hold_back(both, "dev")

    refused = both.tollgate("break-glass", "prod", "--reason", "payments are failing")
    row = both.status()["dev"]
    both.succeed("unhold", "dev", "--reason", "over")

    assert (refused.returncode, "nothing waits in prod" in refused.stderr) == (3, True)
    assert (row["waiting"], [block["gate"] for block in row["blocks"]]) == (None, ["hold"])


def test_what_was_shown_and_needs_nobody_any_more_is_applied(both: TinyProject) -> None:
    """A change set shown to go past a hold waits for nobody once the hold is gone: the next promotion applies it."""
    _hold_back(both, "dev")
    both.killed_at("shown", "break-glass", "dev", "--reason", "never mind")
    both.succeed("unhold", "dev", "--reason", "over")
    assert both.status()["dev"]["state"] == "waiting"

    both.succeed("promote", "--to", "dev")

    row = both.status()["dev"]
    assert (row["state"], row["release"]) == ("deployed", row["wanted"])


def test_a_freeze_stops_until_it_ends(both: TinyProject) -> None:
    """A recorded freeze stops its environment, says until when, and can be ended before its time."""
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="minutes")
    past = both.tollgate("freeze", "dev", "--until", "2020-01-01T00:00Z", "--reason", "x")
    vague = both.tollgate("freeze", "dev", "--until", "2030-01-01", "--reason", "x")
    both.succeed("freeze", "dev", "--until", until, "--reason", "the holidays")
    both.write("value.txt", next(_values))

    stopped = both.tollgate("promote", "--to", "dev")
    both.succeed("freeze", "dev", "--end", "--reason", "back at work")
    both.succeed("promote", "--to", "dev")

    assert (past.returncode, "stops nothing" in past.stderr) == (2, True)
    assert (vague.returncode, "is no moment that is the same everywhere" in vague.stderr) == (2, True)
    assert "dev is frozen until" in stopped.stderr
    assert both.status()["dev"]["state"] == "deployed"


def test_breaking_the_glass_goes_through_a_hold_and_shouts(both: TinyProject) -> None:
    """One person applies what waits past a hold; status says so until a promotion went the usual way."""
    _hold_back(both, "prod")

    out = both.succeed("break-glass", "prod", "--reason", "payments are failing")
    row = both.status()["prod"]
    both.succeed("unhold", "prod", "--reason", "over")

    assert "BREAK-GLASS" in out
    assert "payments are failing" in row["notices"][0]
    assert row["release"] == both.status()["dev"]["release"]
    both.write("value.txt", next(_values))
    both.succeed("promote")
    both.succeed("approve", "prod", "--reason", "the usual way", "--go")
    assert both.status()["prod"]["notices"] == []


def test_drift_is_seen_recorded_once_and_healed(both: TinyProject) -> None:
    """What differs is shown, recorded once, blocks what goes forward, and is put right by a promotion of the same."""
    release = both.status()["dev"]["release"]
    both.meddle("dev")
    before = len(both.entries())

    found = both.tollgate("drift", "dev")
    again = both.tollgate("drift", "dev", "--json")
    both.write("value.txt", next(_values))
    stopped = both.tollgate("promote", "--to", "dev")

    assert (found.returncode, again.returncode) == (4, 4)
    assert "terraform_data.first" in found.stdout
    assert [row["clean"] for row in json.loads(again.stdout)] == [False]
    (record,) = [entry for entry in both.entries()[before:] if entry.kind is Kind.DRIFT]
    assert re.fullmatch(
        r'terraform_data\.first was changed: input .* → "meddled".*', record.body["summary"][0]
    )
    assert both.status()["dev"]["state"] == "drifted"
    assert (stopped.returncode, "behind the release's back" in stopped.stderr) == (3, True)
    both.succeed("heal", "dev")
    assert both.status()["dev"]["state"] == "deployed"
    assert both.status()["dev"]["release"] == release
    assert both.tollgate("drift", "dev").returncode == 0


def test_looking_everywhere_goes_on_past_what_cannot_be_looked_at(both: TinyProject) -> None:
    """While somebody is at work in dev, prod is looked at all the same, and it is said what was not."""
    with lock.hold(both.home / "locks" / "local.dev.lock", "looking at dev"):
        told = both.tollgate("drift", "--json")

    clean, failed = json.loads(told.stdout)
    assert (told.returncode, clean["instance"], clean["clean"]) == (3, "prod", True)
    assert failed["instance"] == "dev"
    assert "dev is being changed or was left half changed" in failed["error"]
    assert "dev      failed: dev is being changed" in told.stderr


def test_known_drift_lets_the_next_release_pass(both: TinyProject) -> None:
    """An acknowledged difference stops nothing; it is remembered who said so."""
    both.meddle("dev")
    both.tollgate("drift", "dev")

    nothing = both.tollgate("acknowledge", "prod", "--reason", "x")
    both.succeed("acknowledge", "dev", "--reason", "we are on it")
    both.write("value.txt", next(_values))
    both.succeed("promote", "--to", "dev")

    assert (nothing.returncode, "no drift is known in prod" in nothing.stderr) == (3, True)
    assert both.status()["dev"]["state"] == "deployed"


def test_looking_for_drift_takes_no_lock(both: TinyProject) -> None:
    """While somebody else holds Terraform's own lock of the state, looking works."""
    account = both.account("dev")
    key, s3 = "dev/dev/terraform.tfstate.tflock", account.client("s3")
    bucket = f"tollgate-state-{account.account_id}"
    s3.put_object(Bucket=bucket, Key=key, Body=b'{"ID":"1","Who":"somebody@elsewhere"}')
    try:
        assert both.tollgate("drift", "dev").returncode == 0
    finally:
        s3.delete_object(Bucket=bucket, Key=key)


def test_pruning_keeps_what_is_needed_and_says_why(both: TinyProject) -> None:
    """A release that was never deployed and is no longer wanted goes; everything else stays with its reason."""
    both.write("value.txt", next(_values))
    stray = both.succeed("build").split()[-1]

    dry = json.loads(both.succeed("prune", "--dry-run", "--json"))
    pruned = json.loads(both.succeed("prune", "--json"))

    assert dry["removed"] == pruned["removed"]
    assert stray in pruned["removed"]
    assert (dry["bytes"], pruned["bytes"] > 0) == (pruned["bytes"], True)
    reasons = set(pruned["kept"].values())
    assert any(reason.startswith("it is deployed in") for reason in reasons)
    assert any(reason.startswith("it is among the last 10 of") for reason in reasons)
    assert json.loads(both.succeed("prune", "--json"))["removed"] == []
    both.succeed("verify")


def test_sweeping_destroys_previews_past_their_time(both: TinyProject) -> None:
    """A fresh preview stays, each past its environment's hours goes, one that cannot go now keeps no other."""
    for name in ("pr-6", "pr-7"):
        both.succeed("promote", "--to", "dev", "--suffix", name)
    assert "no preview is past its time" in both.succeed("sweep")
    dev = (both.root / "environments" / "dev.toml").read_text()
    both.write("environments/dev.toml", dev.replace("\n[accounts]", "preview-hours = 1\n\n[accounts]"))
    both.succeed("settings", "--reason", "previews live for an hour")
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()

    with lock.hold(both.home / "locks" / "local.dev.pr-6.lock", "looking at pr-6"):
        swept = both.tollgate("sweep", "--now", later)
    rows = both.status()
    both.succeed("sweep", "--now", later)

    assert (swept.returncode, "dev/pr-6 is held: " in swept.stderr) == (1, True)
    assert ("dev/pr-6" in rows, "dev/pr-7" in rows) == (True, False)
    assert "dev/pr-6" not in both.status()
    assert rows["dev"]["state"] == "deployed", swept.stderr
