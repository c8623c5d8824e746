"""Which of several reports a verb ends with."""

import pytest

from pipeline.carry import Arrival, Report
from pipeline.cli.conclude import decisive
from pipeline.model.environment import Instance
from tests.unit.pipeline.record import DEV, ONE, PROD


def _report(instance: Instance, arrival: Arrival, *, mismatch: bool = False) -> Report:
    return Report(instance=instance, release=ONE, arrival=arrival, mismatch=mismatch)


_FINE = _report(DEV, Arrival.ARRIVED)
_WAITS = _report(PROD, Arrival.WAITING)
_REFUSED = _report(DEV, Arrival.REFUSED)
_MISMATCH = _report(PROD, Arrival.WAITING, mismatch=True)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ((_FINE, _WAITS), _WAITS),
        ((_REFUSED, _WAITS), _REFUSED),
        ((_REFUSED, _FINE), _REFUSED),
        ((_MISMATCH, _REFUSED), _MISMATCH),
        ((_MISMATCH, _FINE), _MISMATCH),
    ],
)
def test_what_nobody_may_overlook_decides(reports: tuple[Report, ...], expected: Report) -> None:
    """A yes that did not fit comes first, then a refusal; where there is neither, the last report decides."""
    assert decisive(reports) is expected
