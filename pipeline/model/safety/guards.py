"""Guards: what is there only to protect is taken away, put on something else, or made weak on what exists."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.finding import Finding, Kind
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.safety.made_here import follows, is_new_bucket
from pipeline.model.safety.protection import rule_for, weakens
from pipeline.model.safety.protection_rules import GUARDS, Weaker
from pipeline.model.values import Known, Path, Value

THINGS = frozenset({"api_id", "bucket", "resource_arn", "rest_api_id"})
"""Attributes that name what a guard is on."""

PARTS = frozenset({"method_path", "role_name", "stage", "stage_name", "web_acl_arn"})
"""Attributes that name which part of it, or what it is on in another way."""

_STRICTEST: Mapping[Weaker, Any] = {"not true": True, "not false": False, "higher": 0, "other": "Enabled"}


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for every guard that no longer guards, or guards less than one may expect of a new one."""
    for change in change_set.changes:
        if not change.type.startswith(GUARDS):
            continue
        if change.action in {Action.DELETE, Action.FORGET} and change.deposed is None:
            yield _finding("removed", change, f"takes away {change.label}, which protects or warns")
        elif change.action is Action.UPDATE or change.action.replaces:
            yield from _turned_away(change, change_set)
        elif change.action is Action.CREATE and not _is_on_something_new(change, change_set):
            yield from _made_weak(change, _as_deleted_by_hand(change, change_set))


def _turned_away(change: ResourceChange, change_set: ChangeSet) -> Iterator[Finding]:
    """What it was on has lost its guard, unless that is replaced and the guard goes along."""
    for attribute in change.attributes:
        named = _name(attribute.path) in THINGS | PARTS and attribute.before is not None
        if named and attribute.changes and not follows(attribute, change_set):
            sentence = f"{change.label} no longer protects what it was on: another {attribute.name}"
            yield _finding("removed", change, sentence, attribute)


def _made_weak(change: ResourceChange, before: Mapping[Path, Value]) -> Iterator[Finding]:
    """Measured against the strictest there is, or against what it was before somebody deleted it by hand."""
    for attribute in change.attributes:
        weaker = rule_for(change.type, attribute.path)
        if weaker is None or weaker not in _STRICTEST or is_left_open(attribute):
            continue
        strict = before.get(attribute.path, Known.of(_STRICTEST[weaker]))
        if weakens(weaker, replace(attribute, before=strict)):
            sentence = f"{change.label} is newly put on what is there already, with a weaker {attribute.name}"
            yield _finding("weaker", change, sentence, attribute)


def _is_on_something_new(change: ResourceChange, change_set: ChangeSet) -> bool:
    """True unless it is on something that exists: what is made together was not protected otherwise before."""
    things = [attribute.after for attribute in change.attributes if _name(attribute.path) in THINGS]
    return all(is_new_bucket(thing, change_set) for thing in things)


def _as_deleted_by_hand(change: ResourceChange, change_set: ChangeSet) -> Mapping[Path, Value]:
    return {
        attribute.path: attribute.before
        for drift in change_set.drift
        if drift.address == change.address and drift.action is Action.DELETE
        for attribute in drift.attributes
    }


def _name(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else ""


def _finding(
    rule: str, change: ResourceChange, sentence: str, attribute: AttributeChange | None = None
) -> Finding:
    return about(change, f"protection/{rule}", Kind.PROTECTION, sentence, attribute)
