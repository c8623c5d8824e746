"""Weaker protection: a setting is turned down, or changed in a way that only a person can judge."""

import re
from collections.abc import Iterator

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.safety.protection_rules import RULES, STRONG, TELLING, Weaker
from pipeline.model.values import Known, Path, Value

_UNLIMITED = -1  # a limit that is taken away; Terraform writes it as a number below nothing


Rules = tuple[tuple[str, str, Weaker], ...]


def find(change_set: ChangeSet, rules: Rules = RULES) -> Iterator[Finding]:
    """Yield a finding for everything that protects less than before."""
    for change in change_set.changes:
        if change.action is Action.UPDATE or change.action.replaces:
            yield from _weakened(change, rules)


def _weakened(change: ResourceChange, rules: Rules) -> Iterator[Finding]:
    for attribute in change.attributes:
        if not attribute.changes or is_left_open(attribute):
            continue
        weaker = rule_for(change.type, attribute.path, rules)
        if weaker is not None:
            if weakens(weaker, attribute):
                severity = Severity.MEDIUM if weaker == "any" else Severity.HIGH
                word = "changes" if weaker == "any" else "turns down"
                yield _finding("weaker", severity, change, attribute, word)
        elif _sounds_protective(attribute):
            yield _finding("unlisted", Severity.MEDIUM, change, attribute, "changes")


def rule_for(kind: str, path: Path, rules: Rules = RULES) -> Weaker | None:
    """Return what weakens the attribute, None if there is no rule for it."""
    plain = ".".join(step for step in path if isinstance(step, str))
    mine = [(name, weaker) for of, name, weaker in rules if of == kind]
    above = [(len(name), weaker) for name, weaker in mine if plain == name or plain.startswith(f"{name}.")]
    if above:
        return max(above)[1]
    # A whole block that changes at once is about every attribute in it.
    return "any" if any(name.startswith(f"{plain}.") for name, _ in mine) else None


def weakens(weaker: Weaker, attribute: AttributeChange) -> bool:
    """Return whether the attribute protects less after the change than before it."""
    before, after = attribute.before, attribute.after
    if weaker == "not false":
        return after is not None and after != Known.of(False)
    if weaker == "higher":
        return _limit(after) > _limit(before)
    if before is None:
        return False  # there was no such protection
    answers = {
        "not true": after != Known.of(True),
        "lower": _amount(after) < _amount(before),
        "other": not (isinstance(after, Known) and after.value in STRONG),
        "any": True,
    }
    return answers[weaker]


def _limit(value: Value) -> float:
    """How much is let through; what is unknown or not there lets everything through."""
    if isinstance(value, Known) and isinstance(value.value, int | float) and value.value > _UNLIMITED:
        return float(value.value)
    return float("inf")


def _amount(value: Value) -> float:
    """How much there is of a protection; what is unknown or not there is none."""
    return float(value.value) if isinstance(value, Known) and isinstance(value.value, int | float) else 0.0


def _sounds_protective(attribute: AttributeChange) -> bool:
    words = (
        word.lower()
        for step in attribute.path
        if isinstance(step, str)
        for word in re.findall(r"[A-Za-z][a-z]*", step)
    )
    return attribute.path[:1] not in {("tags",), ("tags_all",)} and not TELLING.isdisjoint(words)


def _finding(
    rule: str, severity: Severity, change: ResourceChange, attribute: AttributeChange, word: str
) -> Finding:
    return about(
        change,
        f"protection/{rule}",
        Kind.PROTECTION,
        f"{word} {attribute.name} of {change.label}",
        attribute,
        severity=severity,
    )
