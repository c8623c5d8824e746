"""What entries add up to: one row of the ledger after another, and what is then true of an instance."""

import pytest

from pipeline.model.environment import Instance
from pipeline.model.history import InstanceHistory, State, read_history
from pipeline.model.kinds import Operation, Outcome
from tests.unit.pipeline.record import DEV, ONE, OTHER_CHANGES, PROD, TWO, Record

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
