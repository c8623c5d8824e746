"""Data loss: an index of a table is deleted, or deleted and built anew, with the copy of the data in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.stack_text import written_at
from pipeline.model.values import Known, Value, path_text

Stack = Mapping[str, Any]

_BLOCK = "global_secondary_index"
_NOT_REBUILT = ("on_demand_throughput", "read_capacity", "warm_throughput", "write_capacity")
_NOTHING = frozenset({None, Known.of([]), Known.of("")})


def find(change_set: ChangeSet, stack: Stack | None) -> Iterator[Finding]:
    """Yield a finding for every index that goes, or that cannot be shown to stay as it is."""
    for change in change_set.changes:
        if change.type == "aws_dynamodb_table" and change.action is Action.UPDATE:
            yield from _Indexes(change, stack).find()


class _Indexes:
    """What an update says of the indexes: of each position only what changes there."""

    def __init__(self, change: ResourceChange, stack: Stack | None) -> None:
        self._change = change
        mine = [attribute for attribute in change.attributes if attribute.path[0] == _BLOCK]
        self._leaves = {
            (attribute.path[1], path_text(attribute.path[2:])): attribute
            for attribute in mine
            if len(attribute.path) > 2
        }
        self._whole = [attribute for attribute in mine if len(attribute.path) <= 2]
        written = (written_at(stack, change.address) or {}).get(_BLOCK) or []
        blocks = written if isinstance(written, list) else [written]
        self._written = {block.get("name"): block for block in blocks if isinstance(block, Mapping)}

    def find(self) -> Iterator[Finding]:
        for attribute in self._whole:
            if attribute.before not in _NOTHING:
                yield self._finding("its indexes", attribute, attribute.name)
        later = {
            attribute.after: place for (place, name), attribute in self._leaves.items() if name == "name"
        }
        rebuilt = []
        for place in sorted({place for place, _ in self._leaves}, key=str):
            name = self._leaves.get((place, "name"))
            if name is None:
                rebuilt += self._changed_in_place(place)
            elif name.before is None:
                continue
            elif name.before not in later:
                yield self._finding(f"the index {_plain(name.before)}", name, str(_plain(name.before)))
            elif not self._is_same(place, later[name.before]):
                rebuilt.append(name)
        for attribute in rebuilt:
            yield self._finding("an index, perhaps to build it anew,", attribute, attribute.name)

    def _changed_in_place(self, place: Any) -> list[AttributeChange]:
        return [
            attribute
            for (at, name), attribute in self._leaves.items()
            if at == place
            and not name.startswith(_NOT_REBUILT)
            and {attribute.before, attribute.after} - _NOTHING
        ]

    def _is_same(self, old: Any, new: Any) -> bool:
        """True if what stood at one position now stands at another: told by the plan, else by the stack."""
        names = {name for place, name in self._leaves if place in {old, new}}
        for name in names:
            if name.startswith(_NOT_REBUILT):
                continue
            one, other = self._at(old, name, before=True), self._at(new, name, before=False)
            if one != other and {one, other} - _NOTHING:
                return False
        return True

    def _at(self, place: Any, name: str, *, before: bool) -> Value:
        leaf = self._leaves.get((place, name))
        if leaf is not None:
            return leaf.before if before else leaf.after
        # Not in the update: the same before and after, so what the release writes there is both.
        index = _plain(self._leaves[(place, "name")].after)
        value = self._written.get(index, {}).get(name)
        return None if value is None else Known.of(value)

    def _finding(self, what: str, attribute: AttributeChange, subject: str) -> Finding:
        return Finding(
            "data-loss/index",
            Kind.DATA_LOSS,
            Severity.HIGH,
            self._change.address,
            f"deletes {what} of {self._change.label}, with what is asked of it",
            subject=subject,
            before=attribute.before,
            after=attribute.after,
        )


def _plain(value: Value) -> Any:
    return value.value if isinstance(value, Known) else None
