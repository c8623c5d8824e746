"""Drift undone: somebody changed the cloud by hand, and applying would silently put it back."""

from collections.abc import Iterator

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.data_loss import holds_data
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.values import Path, Unknown


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for every change by hand that would be undone."""
    by_address = {change.previous_address or change.address: change for change in change_set.changes}
    for drift in change_set.drift:
        change = by_address.get(drift.address) or by_address.get(drift.previous_address or "")
        if change is None:
            continue
        if drift.action is Action.DELETE:
            yield _created_again(change)
        else:
            yield from _put_back(drift, change)


def _created_again(change: ResourceChange) -> Finding:
    holds = holds_data(change.type)
    lost = "; what it held is lost" if holds else ""
    return Finding(
        "drift/gone",
        Kind.DRIFT,
        Severity.HIGH if holds else Severity.MEDIUM,
        change.address,
        f"{change.label} was deleted outside of Tollgate and would be created again{lost}",
    )


def _put_back(drift: ResourceChange, change: ResourceChange) -> Iterator[Finding]:
    for found in drift.attributes:
        touching = (planned for planned in change.attributes if _touch(found.path, planned.path))
        planned = next((planned for planned in touching if _undoes(found, planned)), None)
        if planned is not None:
            yield Finding(
                "drift/undone",
                Kind.DRIFT,
                Severity.MEDIUM,
                change.address,
                f"{found.name} of {change.label} was changed outside of Tollgate; applying undoes that",
                subject=found.name,
                before=planned.before,
                after=planned.after,
            )


def _touch(one: Path, other: Path) -> bool:
    """True for the same attribute, and for a block and what is in it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _undoes(found: AttributeChange, planned: AttributeChange) -> bool:
    recomputed = isinstance(planned.after, Unknown) and not planned.after.references
    if found.path != planned.path and not planned.changes:
        return False
    return found.changes and planned.after != found.after and not recomputed
