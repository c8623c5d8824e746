"""How a value of a change set is put: short enough to be read, with what is folded below it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.model.change_set import AttributeChange
from pipeline.model.values import Known, Secret, Unknown, Value, path_text
from pipeline.show.pair import folded_pair
from pipeline.show.text import folded, safe

_LONG_LISTS = 6


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a value.

    Attributes:
        text: The short form.
        whole: The same with nothing folded, a line each; empty where nothing is.
        hidden: How many places that differ the short form does not show whole.
    """

    text: str
    whole: tuple[str, ...] = ()
    hidden: int = 0


def value_told(value: Value) -> Told:
    """Return what is said of one value."""
    text = spelled(value)
    return Told(text) if folded(text) == text else Told(folded(text), (text,), 1)


def change_told(before: Value, after: Value) -> Told:
    """Return what is said of a value that becomes another one."""
    if isinstance(before, Secret) and isinstance(after, Secret):
        return Told("(secret) → (another secret)" if before != after else "(secret)")
    old, new = spelled(before), spelled(after)
    whole = (f"before: {old}", f"after: {new}")
    if isinstance(before, Known) and isinstance(after, Known):
        told = _list_told(before.value, after.value)
        if told is not None:
            return Told(told.text, whole, told.hidden)
        pair = folded_pair(old, new)
        if pair == (old, new, 0):
            return Told(f"{old} → {new}")
        return Told(f"{pair.before} → {pair.after}", whole, pair.hidden)
    short = folded(old), folded(new)
    hidden = sum(one != other for one, other in zip(short, (old, new), strict=True))
    return Told(f"{short[0]} → {short[1]}", whole if hidden else (), hidden)


def unpacked(attribute: AttributeChange) -> Iterator[tuple[str, Value, Value]]:
    """Take a JSON document in a string apart, so that a changed policy shows what changed in it."""
    before, after = _document(attribute.before), _document(attribute.after)
    if before is None or after is None:
        yield attribute.name, attribute.before, attribute.after
        return
    inside = dict(_leaves(before)), dict(_leaves(after))
    paths = sorted(
        {*inside[0], *inside[1]}, key=lambda path: [(isinstance(step, str), str(step)) for step in path]
    )
    changed = [path for path in paths if inside[0].get(path) != inside[1].get(path)]
    for path in changed:
        yield f"{attribute.name} → {path_text(path)}", inside[0].get(path), inside[1].get(path)
    if not changed:
        yield f"{attribute.name} (only its spelling)", attribute.before, attribute.after


def spelled(value: Value) -> str:
    """Return a value whole, safe to look at; of a secret only that it is one."""
    match value:
        case None:
            return "(none)"
        case Known():
            return _json(value.value)
        case Secret():
            return "(secret)"
        case Unknown(references=references, expression=expression, secret=secret):
            source = ", ".join(references)
            if expression is not None and not secret and expression != f"${{{source}}}":
                source = _json(expression)
            return (
                f"({'a secret ' if secret else ''}known after apply{f': {safe(source)}' if source else ''})"
            )


def _json(plain: Any) -> str:
    return safe(json.dumps(plain, ensure_ascii=False))


def _list_told(before: Any, after: Any) -> Told | None:
    """Say what a long list loses and gains, instead of showing it twice."""
    if not isinstance(before, list) or not isinstance(after, list) or len(before) + len(after) < _LONG_LISTS:
        return None
    lost = [value_told(Known.of(item)) for item in before if item not in after]
    gained = [value_told(Known.of(item)) for item in after if item not in before]
    parts = [f"{verb} {_joined(told)}" for verb, told in (("loses", lost), ("gains", gained)) if told]
    if not parts:
        return Told("in another order or number", hidden=1)
    return Told("; ".join(parts), hidden=sum(told.hidden for told in (*lost, *gained)))


def _joined(told: list[Told]) -> str:
    return ", ".join(each.text for each in told)


def _document(value: Value) -> Any:
    match value:
        case Known():
            written = value.value
        case Unknown():
            written = value.expression
        case _:
            written = None
    try:
        document = json.loads(written) if isinstance(written, str) else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Known]]:
    if isinstance(node, dict) and node:
        for name, item in node.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(node, list) and any(isinstance(item, dict | list) for item in node):
        for position, item in enumerate(node):
            yield from _leaves(item, (*path, position))
    else:
        yield path, Known.of(node)
