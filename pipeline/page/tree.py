"""The construct tree of a change set: what changes, where it stands, and how much around it stays."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.model.change_set import ChangeSet
from pipeline.model.resource_change import ResourceChange
from pipeline.page.model import Node
from pipeline.show.text import safe

_NOWHERE = "without a construct"


@dataclass
class _Branch:
    """A construct while the tree grows."""

    branches: dict[str, "_Branch"] = field(default_factory=dict)
    leaves: list[Node] = field(default_factory=list)
    unchanged: int = 0


def tree_of(change_set: ChangeSet, resources: Mapping[str, str | None]) -> Node | None:
    """Return the tree of what changes, or None where nothing does.

    Args:
        change_set: What would be done.
        resources: Every resource of the release's stack, address to construct path; empty where the release
            is not at hand, and then nothing is said about what stays.
    """
    changes = [change for change in change_set.changes if not change.type.startswith("data.")]
    if not changes:
        return None
    root = _Branch()
    for change in changes:
        *above, name = _path(change.construct_path, change.address)
        branch = _down(root, above)
        branch.leaves.append(Node(safe(name), _marks(change), safe(change.type)))
    touched = {change.address for change in changes}
    for address, path in resources.items():
        if address not in touched:
            _down(root, _path(path, address)[:-1]).unchanged += 1
    return _node("", root)


def resources_of(stack: Mapping[str, object]) -> dict[str, str | None]:
    """Return every resource of a synthesized stack: its address, and its construct path where it is noted."""
    found: dict[str, str | None] = {}
    for kind, blocks in _items(stack.get("resource")):
        for name, block in _items(blocks):
            metadata = dict(_items(dict(_items(block)).get("//"))).get("metadata")
            path = dict(_items(metadata)).get("path")
            found[f"{kind}.{name}"] = path if isinstance(path, str) else None
    return found


def _items(node: object) -> Iterable[tuple[str, object]]:
    return node.items() if isinstance(node, Mapping) else ()


def _path(construct_path: str | None, address: str) -> list[str]:
    """Return the place without the stack's name, which is the same for all."""
    if construct_path is None:
        return [_NOWHERE, address]
    place = construct_path.split("/")
    return place[1:] if len(place) > 1 else place


def _down(branch: _Branch, path: Iterable[str]) -> _Branch:
    for name in path:
        branch = branch.branches.setdefault(name, _Branch())
    return branch


def _marks(change: ResourceChange) -> tuple[str, ...]:
    moved = ("move",) if change.previous_address is not None else ()
    imported = ("import",) if change.importing is not None else ()
    action = "replace" if change.action.replaces else change.action.value
    return (*((action,) if action != "keep" or not (moved or imported) else ()), *moved, *imported)


def _node(name: str, branch: _Branch) -> Node:
    """Close a branch: one that only leads to another is joined with it, one where nothing changes is counted."""
    children = [_node(each, below) for each, below in sorted(branch.branches.items())]
    changed = [child for child in children if child.type is not None or _changes(child)]
    unchanged = branch.unchanged + sum(_all_unchanged(child) for child in children if child not in changed)
    counts: Counter[str] = Counter()
    for child in changed:
        counts.update(dict(_counted(child)))
    for leaf in branch.leaves:
        counts.update(leaf.marks)
    leaves = sorted(branch.leaves, key=lambda leaf: (leaf.name, leaf.type or ""))
    inside = (*changed, *leaves)
    if name and len(inside) == 1 and inside[0].type is None and not unchanged:
        only = inside[0]
        return Node(safe(f"{name}/{only.name}"), only.marks, None, only.children, only.unchanged)
    marks = tuple(f"{times} {mark}" for mark, times in sorted(counts.items(), key=_gravest))
    return Node(safe(name), marks, None, inside, unchanged)


_ORDER = ("delete", "replace", "forget", "update", "create", "import", "move")


def _gravest(counted: tuple[str, int]) -> tuple[int, str]:
    word = counted[0]
    return (_ORDER.index(word) if word in _ORDER else len(_ORDER), word)


def _changes(node: Node) -> bool:
    return bool(node.marks)


def _all_unchanged(node: Node) -> int:
    return node.unchanged + sum(_all_unchanged(child) for child in node.children)


def _counted(node: Node) -> Iterable[tuple[str, int]]:
    for mark in node.marks:
        times, _, word = mark.partition(" ")
        yield word, int(times)
