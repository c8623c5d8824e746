"""Which release a rollback goes to if nobody names one."""

import pytest

from pipeline.model.errors import RefusedError
from pipeline.model.kinds import Operation, Outcome
from pipeline.ways_back import last_proven
from tests.unit.pipeline.record import ONE, PROD, TWO, Record

_THREE = "sha256:" + "3" * 64
_BROKEN = [Outcome.FAILED, Outcome.ERRORED]


@pytest.fixture
def record() -> Record:
    """Two releases were proven in prod, and the second one runs."""
    record = Record()
    record.deployed(PROD, ONE)
    record.deployed(PROD, TWO)
    return record


def test_what_runs_is_left(record: Record) -> None:
    """Where all is well, going back leaves the release that runs."""
    assert last_proven(record.of(PROD)) == ONE


@pytest.mark.parametrize("outcome", _BROKEN)
def test_a_change_that_did_not_hold_is_undone(record: Record, outcome: Outcome) -> None:
    """After a change that did not hold, going back leads to what ran before it."""
    record.end(record.start(PROD, _THREE), outcome)

    assert last_proven(record.of(PROD)) == TWO


def test_a_change_that_did_not_end_is_undone(record: Record) -> None:
    """A run that was killed has perhaps changed something: going back leads to what ran before it, not further."""
    record.start(PROD, _THREE)

    assert last_proven(record.of(PROD)) == TWO


@pytest.mark.parametrize("outcome", [*_BROKEN, None])
def test_a_rollback_that_did_not_hold_never_leads_to_what_it_left(
    record: Record, outcome: Outcome | None
) -> None:
    """What somebody wanted to leave is no way back, however the first try to leave it ended."""
    record.deployed(PROD, _THREE)
    start = record.start(PROD, TWO, operation=Operation.ROLLBACK)
    if outcome is not None:
        record.end(start, outcome)

    expected = ONE if outcome is Outcome.FAILED else TWO
    assert last_proven(record.of(PROD)) == expected


def test_an_interrupted_way_back_to_what_ran_before_goes_there_again(record: Record) -> None:
    """Where the change did not hold, and then the way back from it broke off, that way is still the right one."""
    record.end(record.start(PROD, _THREE), Outcome.FAILED)
    record.end(record.start(PROD, TWO, operation=Operation.ROLLBACK), Outcome.ERRORED)

    assert last_proven(record.of(PROD)) == TWO


def test_where_nothing_else_was_proven_the_way_forward_is_named() -> None:
    """A broken instance with nothing to go back to is told how to go forward."""
    record = Record()
    record.end(record.start(PROD), Outcome.FAILED)

    with pytest.raises(RefusedError, match="nothing else was ever proven in prod") as caught:
        last_proven(record.of(PROD))
    assert caught.value.hint == "`nox -s recover -- prod` goes forward"
