"""What entries add up to: one row of the ledger after another, and what is then true of an instance."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.model.environment import Instance
from pipeline.model.history import InstanceHistory, State, read_history
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.trust import Role
from tests.unit.pipeline.record import (
    CHANGES,
    DEV,
    LEDGER_KEY,
    ONE,
    OTHER_CHANGES,
    PROD,
    SETTINGS,
    START,
    TWO,
    Record,
    approver_key,
)

_BROKEN = [Outcome.FAILED, Outcome.ERRORED]


def test_an_instance_that_nobody_named_is_empty() -> None:
    """Where the ledger says nothing, nothing runs and nothing waits."""
    history = read_history([])

    assert history.candidate is None
    assert history.of(PROD) == InstanceHistory(PROD)
    assert (history.of(PROD).state, history.of(PROD).release) == (State.EMPTY, None)


def test_the_newest_candidate_counts() -> None:
    """Wanting another release replaces what was wanted before."""
    record = Record()
    record.candidate(ONE)
    record.candidate(TWO)

    found = read_history(record.entries).candidate
    assert found is not None
    assert found.release == TWO


@pytest.mark.parametrize(
    ("dirty", "allowed", "expected"), [(False, False, False), (True, False, True), (True, True, False)]
)
def test_dirty_counts_until_somebody_says_it_is_fine(dirty: bool, allowed: bool, expected: bool) -> None:
    """Uncommitted files make a candidate dirty, unless that was allowed and recorded."""
    record = Record()
    record.candidate(dirty=dirty, dirty_allowed=allowed)

    found = read_history(record.entries).candidate
    assert found is not None
    assert found.is_dirty is expected


def test_what_is_shown_waits() -> None:
    """A change set that was shown waits for a decision."""
    record = Record()
    shown = record.shown()

    assert (record.of().waiting, record.of().state) == (shown, State.WAITING)


def test_a_newer_change_set_takes_the_place_and_voids_every_approval() -> None:
    """What was approved is no longer what waits, so the approvals go with it."""
    record = Record()
    record.approval(record.shown())
    newer = record.shown(change_set=OTHER_CHANGES)

    assert (record.of().waiting, record.of().approvals) == (newer, ())


def test_approvals_of_what_waits_are_collected() -> None:
    """Each yes to exactly what waits is kept, in order."""
    record = Record()
    shown = record.shown()
    approvals = (record.approval(shown, "bob"), record.approval(shown, "carol"))

    assert record.of().approvals == approvals


def test_an_approval_of_something_else_counts_for_nothing() -> None:
    """A yes to an earlier showing, or where nothing waits, is no yes to what waits now."""
    record = Record()
    earlier = record.shown()
    record.shown(change_set=OTHER_CHANGES)
    record.approval(earlier)
    idle = Record()
    idle.approval(earlier)

    assert record.of().approvals == ()
    assert idle.of().approvals == ()


def test_an_approval_for_another_instance_counts_for_nothing_here() -> None:
    """A yes recorded under dev that names what prod shows approves neither."""
    record = Record()
    shown = record.shown(PROD)
    record.approval(shown, environment="dev", suffix="dev")

    assert record.of(PROD).approvals == ()
    assert record.of(DEV).approvals == ()


def test_a_rejection_ends_the_waiting() -> None:
    """After a no nothing waits, no yes is left, and the no is remembered."""
    record = Record()
    shown = record.shown()
    record.approval(shown)
    rejection = record.rejection(shown)

    after = record.of()
    assert (after.waiting, after.approvals, after.rejection) == (None, (), rejection)


def test_a_rejection_of_something_else_counts_for_nothing() -> None:
    """A no to what no longer waits changes nothing."""
    record = Record()
    earlier = record.shown()
    newer = record.shown(change_set=OTHER_CHANGES)
    record.rejection(earlier)

    assert (record.of().waiting, record.of().rejection) == (newer, None)


def test_a_no_to_a_destroy_is_no_word_about_the_release() -> None:
    """Somebody who does not want prod destroyed has not spoken against what runs there."""
    record = Record()
    record.deployed()
    record.rejection(record.shown(operation=Operation.DESTROY))

    assert (record.of().waiting, record.of().rejection) == (None, None)


def test_a_start_uses_up_what_waited() -> None:
    """Once a promotion starts, its approvals are used: nothing waits, and the run is open."""
    record = Record()
    record.approval(record.shown())
    start = record.start()

    after = record.of()
    assert (after.open_start, after.waiting, after.approvals, after.rejection) == (start, None, (), None)
    assert after.state is State.DEGRADED


def test_an_approval_cannot_be_used_twice() -> None:
    """An approval recorded again after its promotion started approves nothing."""
    record = Record()
    shown = record.shown()
    record.approval(shown)
    record.deployed()
    record.approval(shown)

    assert record.of().approvals == ()


def test_success_deploys_and_proves() -> None:
    """After a success the release runs there, is proven since then, and no run is open."""
    record = Record()
    end = record.deployed(release=ONE)

    after = record.of()
    assert (after.deployed, after.release, after.proven) == (end, ONE, {ONE: end.time})
    assert (after.open_start, after.state, after.is_degraded) == (None, State.DEPLOYED, False)


def test_what_was_proven_before_stays_proven() -> None:
    """A newer release does not make forget the older ones, which is what going back rests on."""
    record = Record()
    record.deployed(release=ONE)
    record.deployed(release=TWO)

    assert record.of().release == TWO
    assert set(record.of().proven) == {ONE, TWO}


@pytest.mark.parametrize("outcome", _BROKEN)
def test_a_failure_degrades_and_proves_nothing(outcome: Outcome) -> None:
    """After a change that did not hold, what ran before is still what was proven last."""
    record = Record()
    record.deployed(release=ONE)
    record.end(record.start(release=TWO), outcome)

    after = record.of()
    assert (after.release, set(after.proven), after.state) == (ONE, {ONE}, State.DEGRADED)


def test_success_heals() -> None:
    """A success after a failure ends the degradation."""
    record = Record()
    record.end(record.start(), Outcome.FAILED)
    record.deployed()

    assert record.of().state is State.DEPLOYED


@pytest.mark.parametrize("outcome", _BROKEN)
def test_a_refusal_does_not_heal(outcome: Outcome) -> None:
    """A gate that said no changed nothing, so what was broken before still is."""
    record = Record()
    record.end(record.start(), outcome)
    record.end(record.start(release=TWO), Outcome.REFUSED)

    assert record.of().state is State.DEGRADED
    assert record.of().open_start is None


def test_a_refusal_does_not_break() -> None:
    """A gate that said no leaves a healthy instance as it was."""
    record = Record()
    record.deployed()
    record.end(record.start(release=TWO), Outcome.REFUSED)

    assert (record.of().state, record.of().release) == (State.DEPLOYED, ONE)


def test_a_waiting_change_set_does_not_hide_a_degradation() -> None:
    """What needs a person first is said first."""
    record = Record()
    record.end(record.start(), Outcome.FAILED)
    record.shown()

    assert record.of().state is State.DEGRADED


def test_a_destroy_leaves_nothing_proven() -> None:
    """After a destroy the instance is empty, and nothing that ran there counts as proven there."""
    record = Record()
    record.deployed()
    record.end(record.start(operation=Operation.DESTROY))

    after = record.of()
    assert (after.state, after.release, dict(after.proven)) == (State.EMPTY, None, {})


def test_a_destroy_that_failed_leaves_what_was_known() -> None:
    """Half a destroy is a degradation of what ran there, not an empty instance."""
    record = Record()
    record.deployed()
    record.end(record.start(operation=Operation.DESTROY), Outcome.FAILED)

    assert (record.of().state, record.of().release) == (State.DEGRADED, ONE)


def test_instances_do_not_touch_one_another() -> None:
    """What happens to a preview says nothing of the main instance, nor of another environment."""
    record = Record()
    preview = Instance("dev", "pr-42")
    record.deployed(DEV, ONE)
    record.end(record.start(preview, TWO), Outcome.FAILED)

    assert (record.of(DEV).state, record.of(preview).state) == (State.DEPLOYED, State.DEGRADED)
    assert record.of(PROD).state is State.EMPTY
    assert set(read_history(record.entries).instances) == {DEV, preview}


# --- what people say of an instance


def test_a_hold_is_on_until_it_is_ended_and_voids_approvals() -> None:
    """Whoever holds an instance takes back every yes that was not used; ending the hold gives none back."""
    record = Record()
    record.approval(record.shown())
    hold = record.hold()

    assert (record.of().hold, record.of().approvals, record.of().state) == (hold, (), State.HELD)
    record.unhold()
    assert (record.of().hold, record.of().state) == (None, State.WAITING)


def test_drift_is_there_until_it_is_gone_or_known() -> None:
    """A finding marks the instance; knowing of exactly it is enough, another one is new."""
    record = Record()
    record.deployed()
    drift = record.drift()
    assert record.of().state is State.DRIFTED

    record.acknowledge(drift)
    record.drift()
    assert record.of().state is State.DEPLOYED
    record.drift(OTHER_CHANGES)
    assert record.of().state is State.DRIFTED
    record.drift(None)
    assert (record.of().drift, record.of().state) == (None, State.DEPLOYED)


def test_a_promotion_that_held_ends_the_drift() -> None:
    """After an apply whose second plan was empty the cloud is as the release says."""
    record = Record()
    record.deployed()
    record.drift()
    record.deployed(release=TWO)

    assert (record.of().drift, record.of().state) == (None, State.DEPLOYED)


def test_acknowledging_another_drift_says_nothing() -> None:
    """A yes to what was found last week is none to what is found today."""
    record = Record()
    record.deployed()
    known = record.drift()
    record.drift(OTHER_CHANGES)
    record.acknowledge(known)

    assert record.of().has_unknown_drift


def test_going_back_disproves_what_was_gone_back_from() -> None:
    """A release that somebody rolled back does not go on to the next environment on the strength of its old proof."""
    record = Record()
    record.deployed(release=ONE)
    record.deployed(release=TWO)
    record.deployed(release=ONE, operation=Operation.ROLLBACK)

    assert (record.of().release, set(record.of().proven)) == (ONE, {ONE})


def test_a_proof_that_fails_again_is_none() -> None:
    """A release that was proven and then does not hold is proven no more: a failed verification revokes."""
    record = Record()
    record.deployed(release=ONE)
    record.end(record.start(release=ONE), Outcome.FAILED)

    assert set(record.of().proven) == set()


def test_broken_glass_shouts_until_a_promotion_goes_the_usual_way() -> None:
    """Who went past the others stays visible until somebody was asked again."""
    record = Record()
    glass = record.approval(record.shown(), glass=True)
    record.end(record.start(approvals=(glass,)))

    assert record.of().broken_glass == glass
    record.deployed(release=TWO)
    assert record.of().broken_glass is None


# --- the whole ledger


def test_everyone_since_the_deployed_release_had_a_part_in_it() -> None:
    """Releases in between were never deployed, but their commits are in what comes now."""
    record = Record()
    three = "sha256:" + "3" * 64
    record.candidate(ONE, people=("ada",), by="ci")
    record.candidate(TWO, people=("bob", "b@example.com"), by="ci")
    record.candidate(three, people=("carol",), by="dan")
    history = read_history(record.entries)
    running = {release: record.deployed(release=release) for release in (ONE, TWO, three)}

    assert history.people_behind(three, running[ONE]) == {"bob", "b@example.com", "ci", "carol", "dan"}
    assert history.people_behind(three, running[TWO]) == {"carol", "dan"}
    assert history.people_behind(three, None) >= {"ada", "bob", "carol"}
    assert history.people_behind(three, running[three]) == frozenset()
    assert history.people_behind(TWO, running[three]) == {"bob", "b@example.com", "ci"}


def test_a_revert_takes_nobodys_part_in_what_it_reverts() -> None:
    """A revert wants the deployed content again; who made what still waits made it all the same."""
    record = Record()
    record.candidate(ONE, people=("ada",), by="ci")
    running = record.deployed(release=ONE)
    record.candidate(TWO, people=("bob",), by="ci")
    record.candidate(ONE, people=("carol",), by="ci")
    history = read_history(record.entries)

    assert history.people_behind(TWO, running) == {"bob", "ci"}
    assert history.people_behind(ONE, running) == frozenset()
    record.candidate(TWO, people=("dan",), by="ci")
    assert read_history(record.entries).people_behind(TWO, running) == {"bob", "carol", "dan", "ci"}


def test_a_revert_while_a_promotion_is_at_work_changes_nothing() -> None:
    """What was wanted between a start and its end does not hide who made what came in between."""
    record = Record()
    record.candidate(ONE, people=("ada",), by="ci")
    start = record.start(release=ONE)
    record.candidate(TWO, people=("bob",), by="ci")
    record.candidate(ONE, people=("carol",), by="ci")
    running = record.end(start)

    assert read_history(record.entries).people_behind(TWO, running) == {"bob", "ci"}


def test_what_was_deployed_without_being_wanted_hides_nobody() -> None:
    """Where nobody can tell since when, everyone counts."""
    record = Record()
    running = record.deployed(release=ONE)
    record.candidate(TWO, people=("bob",), by="ci")
    record.candidate(ONE, people=("carol",), by="ci")

    assert read_history(record.entries).people_behind(TWO, running) == {"bob", "ci"}


def test_a_revoked_key_takes_its_unused_yes_with_it() -> None:
    """A key that was stolen is no half of a later yes; what others said, and what was used, stays."""
    record = Record()
    used = record.approval(record.shown(), "bob")
    record.end(record.start(approvals=(used,)))
    shown = record.shown()
    record.approval(shown, "bob")
    record.approval(shown, "bob", glass=True)
    other = record.approval(shown, "carol")
    record.write(Kind.REVOCATION, {"key": approver_key("bob").keyid, "reason": "stolen"}, "ann")

    assert (record.of().waiting, record.of().approvals) == (shown, (other,))
    assert record.of().release == ONE


def test_a_revoked_key_takes_what_was_witnessed_of_its_person() -> None:
    """Who may not sign any more may not have been witnessed either; a revoked witness has witnessed nothing."""
    for revoked in ("bob", "witness"):
        record = Record("ann", "bob", "carol", "witness")
        witness = replace(approver_key("witness"), role=Role.WITNESS, person=None)
        approval = record.approval(record.shown(), "bob")
        record.entries[-1] = replace(approval, key=witness)
        record.write(Kind.REVOCATION, {"key": approver_key(revoked).keyid, "reason": "stolen"}, "ann")

        assert record.of().approvals == ()


def test_an_ended_freeze_is_gone() -> None:
    """A thaw ends the freeze that it names and no other."""
    record = Record()
    first = record.freeze(START, START + timedelta(days=1))
    second = record.freeze(START, START + timedelta(days=2))
    record.write(Kind.THAW, {"environment": "prod", "freeze": first.digest, "reason": "done"}, "bob")

    assert read_history(record.entries).freezes == (second,)


def test_times_that_are_still_to_come_count_no_more() -> None:
    """After a clock that ran ahead what waits is offered anew, and what soaks begins to soak now."""
    record = Record()
    early = record.deployed(DEV)
    late = record.deployed(DEV, TWO)
    future = START + timedelta(days=400)
    record.entries[-1] = replace(late, at=future.isoformat())
    record.approval(record.shown())
    said = record.write(Kind.CLOCK, {"ahead": future.isoformat(), "reason": "a dead battery"}, "ann")

    assert record.of(DEV).proven == {ONE: early.time, TWO: said.time}
    assert (record.of(PROD).waiting, record.of(PROD).approvals) == (None, ())
    assert record.of(DEV).release == TWO


# --- who may say what


def _settings(record: Record, by: str, digest: str = OTHER_CHANGES) -> None:
    keys = [LEDGER_KEY, approver_key("dora")]
    body = {
        "settings": digest,
        "keys": [key.to_json() for key in keys],
        "quorum": 1,
        "reason": "a new colleague",
    }
    record.write(Kind.SETTINGS, body, by)


def test_settings_count_once_enough_approvers_signed_them() -> None:
    """Where two are asked for, the first yes changes nothing, the same person's second neither."""
    record = Record("ann", "bob", quorum=2)
    _settings(record, "bob")
    _settings(record, "bob")
    assert read_history(record.entries).authority.settings == SETTINGS

    _settings(record, "ann")
    authority = read_history(record.entries).authority
    assert authority.settings == OTHER_CHANGES
    assert [key.person for key in authority.approvers] == ["dora"]


def test_two_people_who_want_different_settings_agree_on_none() -> None:
    """Only a yes to the same settings, keys and quorum adds up."""
    record = Record("ann", "bob", quorum=2)
    _settings(record, "bob")
    _settings(record, "ann", CHANGES)

    assert read_history(record.entries).authority.settings == SETTINGS


def test_what_a_revoked_key_proposed_is_half_of_no_later_yes() -> None:
    """A key that was stolen, used and taken back does not count once another person signs the same."""
    record = Record("ann", "bob", "cy", quorum=2)
    _settings(record, "bob")
    record.write(Kind.REVOCATION, {"key": approver_key("bob").keyid, "reason": "stolen"}, "ann")
    assert read_history(record.entries).authority.proposed == {}

    _settings(record, "ann")
    assert read_history(record.entries).authority.settings == SETTINGS
    _settings(record, "cy")
    assert read_history(record.entries).authority.settings == OTHER_CHANGES


def test_a_key_counts_from_where_it_is_named_until_it_is_taken_back() -> None:
    """What a key signed while it counted stays good; before and after it is nobody's."""
    record = Record("ann", "bob")
    _settings(record, "bob")
    at = record.entries[-1].number
    record.write(Kind.REVOCATION, {"key": approver_key("dora").keyid, "reason": "stolen"}, "dora")
    keys = read_history(record.entries).authority.keys

    dora = approver_key("dora").keyid
    assert [keys.key_at(dora, number) is not None for number in (at, at + 1, at + 2)] == [False, True, False]
    assert keys.key_at(approver_key("bob").keyid, at) is not None
    assert keys.key_at(approver_key("bob").keyid, at + 1) is None
