"""Wider access through something new: it acts as a role that exists, or is open from the start."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.access import decides_access, is_role
from pipeline.model.safety.finding import Finding, Kind
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.safety.made_here import is_made_here
from pipeline.model.safety.stack_text import written_at
from pipeline.model.values import Known

Stack = Mapping[str, Any]

# Gives nobody anything: nothing, or the strictest setting.
_STRICTEST: tuple[Any, ...] = ("", "private", False, [], {})
_CLOSED = frozenset(Known.of(value) for value in _STRICTEST)
_NARROWS = frozenset({"permissions_boundary"})


def find(change_set: ChangeSet, stack: Stack | None, baseline: Stack | None) -> Iterator[Finding]:
    """Yield a finding for everything new that may do what exists already, or that anybody may use."""
    for change in change_set.changes:
        if change.action is not Action.CREATE:
            continue
        for attribute in change.attributes:
            if _is_news(change, attribute, change_set) and not _is_proven(change, attribute, stack, baseline):
                yield _given(change, attribute)


def _is_news(change: ResourceChange, attribute: AttributeChange, change_set: ChangeSet) -> bool:
    if not decides_access(change.type, attribute.path) or attribute.path[0] in _NARROWS:
        return False
    if attribute.after is None or attribute.after in _CLOSED or is_left_open(attribute):
        return False
    return not (is_role(attribute.path) and is_made_here(attribute.after, change_set))


def _is_proven(
    change: ResourceChange, attribute: AttributeChange, stack: Stack | None, baseline: Stack | None
) -> bool:
    """True if it is written the same in the environment before."""
    here, there = written_at(stack, change.address), written_at(baseline, change.address)
    name = str(attribute.path[0])
    return here is not None and there is not None and name in here and here[name] == there.get(name)


def _given(change: ResourceChange, attribute: AttributeChange) -> Finding:
    role = is_role(attribute.path)
    told = "acts as a role that exists already" if role else "is new, and decides who may do what"
    return about(
        change,
        "access/role" if role else "access/attribute",
        Kind.ACCESS,
        f"{change.label} {told}: {attribute.name}",
        attribute,
    )
