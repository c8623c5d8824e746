"""A finding: one thing about a change set that a person should know before saying yes."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import RefusedError
from pipeline.model.strict_json import fields, text
from pipeline.model.values import Value, value_from_json, value_to_json


class Kind(StrEnum):
    """What is at stake. Environments tolerate by kind."""

    DATA_LOSS = "data loss"
    ACCESS = "wider access"
    PROTECTION = "weaker protection"
    OUTSIDE = "outside the release"
    UNPROVEN = "cannot be judged"
    DISRUPTION = "disruption"
    DRIFT = "drift undone"


class Severity(StrEnum):
    """How much it should worry: shown in this order."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know.

    Attributes:
        rule: Which rule found it, `data-loss/delete`.
        kind: What is at stake.
        severity: How much it should worry.
        address: The resource it is about; empty if it is about the plan as a whole.
        subject: What of the resource: an attribute, a statement; empty for all of it.
        sentence: What will happen, in plain words.
        before: What was.
        after: What will be.
    """

    rule: str
    kind: Kind
    severity: Severity
    address: str
    sentence: str
    subject: str = ""
    before: Value = None
    after: Value = None
    id: str = field(init=False)
    """Names exactly this finding, so that an approval can accept it: another before or after, another id."""

    def __post_init__(self) -> None:
        told = [self.rule, self.address, self.subject, value_to_json(self.before), value_to_json(self.after)]
        digest = hashlib.sha256(canonical_bytes(told)).hexdigest()
        object.__setattr__(self, "id", f"{self.rule}:{digest[:12]}")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "id": self.id,
            "rule": self.rule,
            "kind": self.kind.value,
            "severity": self.severity.value,
            "address": self.address,
            "subject": self.subject,
            "sentence": self.sentence,
            "before": value_to_json(self.before),
            "after": value_to_json(self.after),
        }

    @classmethod
    def from_json(cls, document: Any) -> "Finding":
        """Read what `to_json` wrote, strictly.

        Raises:
            RefusedError: Something is missing or not known, or the id is not that of what is told.
        """
        where = "a finding"
        names = ("id", "rule", "kind", "severity", "address", "subject", "sentence", "before", "after")
        found = fields(document, where, required=names)
        told = {name: text(found[name], where) for name in ("rule", "address", "subject", "sentence")}
        try:
            kind, severity = Kind(found["kind"]), Severity(found["severity"])
        except ValueError:
            message = f"{where} has a kind or severity that this version does not know"
            raise RefusedError(message) from None
        before, after = (value_from_json(found[side], where) for side in ("before", "after"))
        finding = cls(**told, kind=kind, severity=severity, before=before, after=after)
        if finding.id != found["id"]:
            raise RefusedError(f"{where} is called {found['id']!r} but is {finding.id!r}")
        return finding
