"""What a policy document grants, by meaning: the same grants in another order or split are the same."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.model.canonical import canonical_bytes
from pipeline.model.safety.patterns import action_covers, resource_covers

_SIMPLE = frozenset({"Sid", "Effect", "Action", "Resource"})


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one resource, both as patterns."""

    action: str
    resource: str

    def covers(self, other: "Grant") -> bool:
        """True if whoever has this has the other."""
        return action_covers(self.action, other.action) and resource_covers(self.resource, other.resource)

    @property
    def is_broad(self) -> bool:
        """True if it reaches over everything of a kind, or lets someone make more rights."""
        service, _, name = self.action.partition(":")
        return self.resource == "*" or name in {"", "*"} or service.lower() in {"iam", "sts", "*"}


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document, taken apart.

    Attributes:
        grants: What plain Allow statements give.
        others: Every statement of another shape, in one spelling, without its name.
        is_readable: False for a text that is not understood as a whole.
    """

    grants: frozenset[Grant] = frozenset()
    others: frozenset[str] = frozenset()
    is_readable: bool = True

    def newly_granted(self, before: "Policy") -> tuple[Grant, ...]:
        """Return what this gives and `before` did not, sorted."""
        return tuple(
            sorted(grant for grant in self.grants if not any(old.covers(grant) for old in before.grants))
        )

    def new_others(self, before: "Policy") -> tuple[str, ...]:
        """Return the statements of another shape that `before` did not have."""
        return tuple(sorted(self.others - before.others))

    def lost_refusals(self, before: "Policy") -> tuple[str, ...]:
        """Return what `before` refused, or said in a way that may refuse, and this does not say any more."""
        return tuple(
            sorted(text for text in before.others - self.others if json.loads(text).get("Effect") != "Allow")
        )


NOTHING = Policy()
UNREADABLE = Policy(is_readable=False)


def read_policy(text: str | None) -> Policy:
    """Take a policy document apart; None is no policy, and what is not understood is marked as such."""
    if text is None or text == "":
        return NOTHING
    try:
        document = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        return UNREADABLE
    if not isinstance(document, dict) or not set(document) <= {"Version", "Id", "Statement"}:
        return UNREADABLE
    statements = document.get("Statement")
    listed = [statements] if isinstance(statements, dict) else statements
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return UNREADABLE
    if document.get("Version", "2012-10-17") != "2012-10-17":
        return UNREADABLE  # the older language reads `${…}` as plain text
    grants: set[Grant] = set()
    others: set[str] = set()
    for statement in listed:
        found = _grants(statement)
        if found is None:
            others.add(_spelling(statement))
        else:
            grants |= found
    return Policy(frozenset(grants), frozenset(others))


def _grants(statement: dict[str, Any]) -> set[Grant] | None:
    if not set(statement) <= _SIMPLE or statement.get("Effect") != "Allow":
        return None
    actions, resources = _texts(statement.get("Action")), _texts(statement.get("Resource"))
    if not actions or not resources:
        return None
    return {Grant(action, resource) for action in actions for resource in resources}


def _texts(value: Any) -> list[str] | None:
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
        return listed
    return None


def _spelling(statement: dict[str, Any]) -> str:
    """One spelling for statements that differ in their name, in the order of a list, or in a list of one."""
    return canonical_bytes(
        {name: _unordered(part) for name, part in statement.items() if name != "Sid"}
    ).decode()


def _unordered(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _unordered(item) for name, item in part.items()}
    if isinstance(part, list) and all(isinstance(item, str) for item in part):
        unique = sorted(set(part))
        return unique[0] if len(unique) == 1 else unique
    return part


def _without_doubles(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key given twice: readers differ in which one counts."""
    found: dict[str, Any] = {}
    for name, item in pairs:
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = item
    return found


def by_resource(grants: Iterable[Grant]) -> Iterator[tuple[str, tuple[Grant, ...]]]:
    """Group grants by the resource they reach."""
    listed = sorted(grants, key=lambda grant: (grant.resource, grant.action))
    for resource in dict.fromkeys(grant.resource for grant in listed):
        yield resource, tuple(grant for grant in listed if grant.resource == resource)
