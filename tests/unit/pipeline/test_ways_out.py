"""What a person is told to do where the last change did not hold."""

import re

import pytest

from pipeline.model.environment import Instance
from pipeline.model.kinds import Operation, Outcome
from pipeline.model.ways_out import ways_out
from tests.unit.pipeline.record import ONE, PROD, TWO, Record

_PREVIEW = Instance("dev", "pr-42")


@pytest.fixture
def record() -> Record:
    """One release was proven in prod and in a preview."""
    record = Record()
    record.deployed(PROD, ONE)
    record.deployed(_PREVIEW, ONE)
    return record


def test_forward_and_back_are_named(record: Record) -> None:
    """Where something was proven before, a person may go forward or back to it."""
    record.end(record.start(PROD, TWO), Outcome.FAILED)

    assert ways_out(record.of(PROD)) == (
        "mend it, then `nox -s recover -- prod` goes forward again, "
        'or `nox -s rollback -- prod --reason "…"` goes back'
    )


def test_where_nothing_was_proven_only_forward_is_named() -> None:
    """The first release did not hold: there is nothing to go back to."""
    record = Record()
    record.end(record.start(PROD, ONE), Outcome.FAILED)

    assert ways_out(record.of(PROD)) == "mend it, then `nox -s recover -- prod` goes forward again"


def test_what_a_broken_rollback_wanted_to_leave_is_no_way_back(record: Record) -> None:
    """A rollback disproved the only other release: what remains is what somebody wanted to leave."""
    record.deployed(PROD, TWO)
    record.end(record.start(PROD, ONE, operation=Operation.ROLLBACK), Outcome.FAILED)

    assert ways_out(record.of(PROD)) == "mend it, then `nox -s recover -- prod` goes forward again"


def test_a_broken_destroy_is_tried_again(record: Record) -> None:
    """What somebody wanted to take down is taken down, or it goes forward again."""
    record.end(record.start(PROD, ONE, operation=Operation.DESTROY), Outcome.FAILED)

    assert ways_out(record.of(PROD)) == (
        "mend it, then `nox -s destroy -- prod` takes it down, or `nox -s recover -- prod` goes forward again"
    )


@pytest.mark.parametrize("operation", [Operation.FORWARD, Operation.DESTROY])
def test_a_preview_is_tried_as_it_is_now_or_taken_down(record: Record, operation: Operation) -> None:
    """Nothing goes on from a preview, so it has neither a recovery nor a rollback."""
    record.end(record.start(_PREVIEW, TWO, operation=operation), Outcome.ERRORED)

    said = ways_out(record.of(_PREVIEW))

    assert re.findall("`(.*?)`", said) == [
        "nox -s promote -- --to dev --suffix pr-42",
        "nox -s destroy -- dev --suffix pr-42",
    ]
