"""Is what is still to do of one resource a part of what had been approved for it?

An apply may be killed half-way. Planned again, some changes are gone, and what was unknown has become known
because the resource it comes from now exists. Everything else has to be as it was approved.
"""

from dataclasses import replace
from typing import Any

from pipeline.model.resource_change import Action, AttributeChange, ResourceChange
from pipeline.model.values import Known, Path, Unknown, Value

_Tree = dict[str | int, Any]


def change_remains(approved: ResourceChange, now: ResourceChange) -> bool:
    """True if `now` does nothing but what `approved` said, or the second half of it."""
    return (
        _identity(now) == _identity(approved)
        # A move or an import is written at the start of an apply; a new one was never approved.
        and now.previous_address in {None, approved.previous_address}
        and now.importing in {None, approved.importing}
        and (_is_untouched(approved, now) or _is_second_half(approved, now))
    )


def _is_untouched(approved: ResourceChange, now: ResourceChange) -> bool:
    return (
        now.action is approved.action
        and now.deposed == approved.deposed
        # Another reason is another deed: nobody approved replacing what a half-done creation left tainted.
        and now.reason == approved.reason
        and now.replaces_because == approved.replaces_because
        and _before_holds(approved, now)
        and _after_holds(approved, now)
    )


def _is_second_half(approved: ResourceChange, now: ResourceChange) -> bool:
    if approved.action is Action.REPLACE_DELETE_FIRST and now.action is Action.CREATE:
        return now.deposed is None and _after_holds(approved, now)
    if approved.action is Action.REPLACE_CREATE_FIRST and now.action is Action.DELETE:
        left_over = now.deposed is not None
        return left_over and _sides(now, "before") == _sides(approved, "before")
    return False


def value_remains(approved: Value, now: Value) -> bool:
    """True if `now` is the approved value, or what an approved unknown turned out to be."""
    return now == approved or (isinstance(approved, Unknown) and not isinstance(now, Unknown))


def _identity(change: ResourceChange) -> ResourceChange:
    """What must be the same whatever has been done already."""
    return replace(
        change,
        action=Action.KEEP,
        previous_address=None,
        importing=None,
        deposed=None,
        reason=None,
        replaces_because=(),
        attributes=(),
    )


def _before_holds(approved: ResourceChange, now: ResourceChange) -> bool:
    earlier = {attribute.path: attribute.before for attribute in approved.attributes}
    if now.action is Action.UPDATE:
        return all(earlier.get(attribute.path, _NOTHING) == attribute.before for attribute in now.attributes)
    return _sides(now, "before") == _sides(approved, "before")


_NOTHING = Known("")


def _sides(change: ResourceChange, side: str) -> dict[Path, Value]:
    found = {attribute.path: getattr(attribute, side) for attribute in change.attributes}
    return {path: value for path, value in found.items() if value is not None}


def _after_holds(approved: ResourceChange, now: ResourceChange) -> bool:
    """Compare as trees, since an unknown `rule` may have become a known `rule[0].days`."""
    attributes = approved.attributes
    if now.action is Action.UPDATE:
        touched = {attribute.path for attribute in now.attributes}
        attributes = tuple(
            attribute
            for attribute in attributes
            if attribute.path in touched or isinstance(attribute.after, Unknown)
        )
    return _tree_remains(_tree(attributes), _tree(now.attributes))


def _tree(attributes: tuple[AttributeChange, ...]) -> _Tree:
    root: _Tree = {}
    for attribute in attributes:
        if attribute.after is None:
            continue
        node = root
        for step in attribute.path[:-1]:
            node = node.setdefault(step, {})
        node[attribute.path[-1]] = _exploded(attribute.after)
    return root


def _exploded(value: Value) -> Any:
    """A known list of texts is one attribute; beside a list with an unknown in it, it must be taken apart."""
    if isinstance(value, Known):
        return _parts(value.value)
    return value


def _parts(plain: Any) -> Any:
    if isinstance(plain, list):
        return {position: _parts(item) for position, item in enumerate(plain)}
    if isinstance(plain, dict):
        return {name: _parts(item) for name, item in plain.items()}
    return Known.of(plain)


def _tree_remains(approved: Any, now: Any) -> bool:
    if isinstance(approved, Unknown):
        return not isinstance(now, Unknown) or now == approved
    if isinstance(approved, dict) and isinstance(now, dict):
        return all(_tree_remains(approved.get(step), now.get(step)) for step in {**approved, **now})
    return bool(approved == now)
