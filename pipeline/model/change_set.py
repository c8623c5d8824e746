"""The change set: what a plan of (release, instance) would do, so that a person can say yes to exactly that.

Its digest covers everything that apply would do, and nothing else: the release, the instance, the account,
the variables, every change before and after, the outputs. What a plan merely observed on the way (drift
that changes nothing, results of checks, times, the order of things) is carried along or left out, but does
not make it another change set.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import RefusedError
from pipeline.model.remainder import change_remains, value_remains
from pipeline.model.resource_change import Action, AttributeChange, ResourceChange, action_from_json
from pipeline.model.strict_json import fields, items, mapping, text, typed
from pipeline.model.values import Known, Path, Secret, Unknown, Value, value_from_json, value_to_json

__all__ = [
    "Action",
    "AttributeChange",
    "ChangeSet",
    "Check",
    "DeferredChange",
    "Known",
    "OutputChange",
    "Path",
    "ResourceChange",
    "Secret",
    "Unknown",
    "Value",
    "is_remainder_of",
]

SCHEMA = "tollgate/change-set/v1"
_IDENTITY = ("release", "environment", "suffix", "account_id", "region")
_OBSERVED = ("drift", "checks")


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output of the stack, before and after. Apply writes it to the state and nowhere else."""

    name: str
    action: Action
    before: Value
    after: Value

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "name": self.name,
            "action": self.action.value,
            "before": value_to_json(self.before),
            "after": value_to_json(self.after),
        }

    @classmethod
    def from_json(cls, document: Any, where: str) -> "OutputChange":
        """Read what `to_json` wrote, strictly."""
        found = fields(document, where, required=("name", "action", "before", "after"))
        return cls(
            text(found["name"], where),
            action_from_json(found["action"], where),
            value_from_json(found["before"], where),
            value_from_json(found["after"], where),
        )


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that the release states about itself, and what the plan found.

    Attributes:
        address: Which one.
        status: `pass`, `fail`, `error` or `unknown`.
        problems: The messages of what failed.
    """

    address: str
    status: str
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"address": self.address, "status": self.status, "problems": list(self.problems)}

    @classmethod
    def from_json(cls, document: Any, where: str) -> "Check":
        """Read what `to_json` wrote, strictly."""
        found = fields(document, where, required=("address", "status", "problems"))
        return cls(
            text(found["address"], where),
            text(found["status"], where),
            tuple(text(problem, where) for problem in items(found["problems"], where)),
        )


@dataclass(frozen=True, slots=True)
class DeferredChange:
    """A change that Terraform could not plan yet: it would need another plan after this apply."""

    reason: str
    change: ResourceChange

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"reason": self.reason, "change": self.change.to_json()}

    @classmethod
    def from_json(cls, document: Any, where: str) -> "DeferredChange":
        """Read what `to_json` wrote, strictly."""
        found = fields(document, where, required=("reason", "change"))
        return cls(text(found["reason"], where), ResourceChange.from_json(found["change"], where))


@dataclass(frozen=True)
class ChangeSet:
    """Everything that applying one plan would do.

    Attributes:
        release: Digest of the release.
        environment: Name of the environment.
        suffix: The instance inside it.
        account_id: The account that is changed.
        region: The region that is changed.
        variables: Values of the stack's variables, sorted by name: with the release they decide what
            unknowns become.
        changes: Without pure no-ops, sorted by address.
        outputs: Without unchanged ones, sorted by name.
        deferred: What this plan could not decide, sorted by address.
        complete: False if the plan left resources out.
        drift: What differs from what the last apply left behind, sorted by address. Observed, not applied.
        checks: Results of the stack's own checks, sorted by address. Observed, not applied.
    """

    release: str
    environment: str
    suffix: str
    account_id: str
    region: str
    variables: tuple[tuple[str, Value], ...] = ()
    changes: tuple[ResourceChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    deferred: tuple[DeferredChange, ...] = ()
    complete: bool = True
    drift: tuple[ResourceChange, ...] = ()
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        order = object.__setattr__  # a frozen dataclass may still put its own fields in order
        order(self, "variables", tuple(sorted(self.variables, key=lambda variable: variable[0])))
        order(self, "changes", tuple(sorted(self.changes, key=lambda change: change.key)))
        order(self, "outputs", tuple(sorted(self.outputs, key=lambda output: output.name)))
        order(self, "deferred", tuple(sorted(self.deferred, key=lambda deferred: deferred.change.key)))
        order(self, "drift", tuple(sorted(self.drift, key=lambda change: change.key)))
        order(self, "checks", tuple(sorted(self.checks, key=lambda check: check.address)))
        if doubled := [
            key for key, times in Counter(change.key for change in self.changes).items() if times > 1
        ]:
            raise RefusedError(f"the plan names {doubled[0][0]} twice")

    @cached_property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits over what would be applied."""
        applied = {name: part for name, part in self.to_json().items() if name not in _OBSERVED}
        return sha256_digest(canonical_bytes(applied))

    @property
    def is_empty(self) -> bool:
        """True if applying it would change nothing.

        A read of a data source alone changes nothing: what it may bring reaches the cloud only through
        another change, which then is in the change set itself, with the values that depend on the read
        named as unknown. (A data source inside a check is read by every apply, so counting reads would
        leave some releases never quiet.)
        """
        return (
            self.complete
            and not self.outputs
            and not self.deferred
            and all(change.action is Action.READ for change in self.changes)
        )

    @property
    def summary(self) -> Mapping[str, int]:
        """How many resources each thing happens to, in the order in which they are shown; no zeros."""
        counts: Counter[str] = Counter()
        for change in self.changes:
            counts["replace" if change.action.replaces else change.action.value] += 1
            counts["import"] += change.importing is not None
            counts["move"] += change.previous_address is not None
        counts["output"] = len(self.outputs)
        counts["deferred"] = len(self.deferred)
        return {word: counts[word] for word in _SUMMARY_ORDER if counts[word]}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data, without any secret."""
        return {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in _IDENTITY},
            "variables": {name: value_to_json(value) for name, value in self.variables},
            "changes": [change.to_json() for change in self.changes],
            "outputs": [output.to_json() for output in self.outputs],
            "deferred": [deferred.to_json() for deferred in self.deferred],
            "complete": self.complete,
            "drift": [change.to_json() for change in self.drift],
            "checks": [check.to_json() for check in self.checks],
        }

    @classmethod
    def from_json(cls, document: Any) -> "ChangeSet":
        """Read what `to_json` wrote.

        Raises:
            RefusedError: Another version wrote it, or something is missing, unknown or of another type.
        """
        where = "the change set"
        schema = mapping(document, where).get("schema")
        if schema != SCHEMA:
            raise RefusedError(f"{where} has the schema {schema!r} where {SCHEMA!r} was expected")
        found = fields(document, where, required=("schema", *cls.__dataclass_fields__))
        return cls(
            **{name: text(found[name], f"{where}'s {name}") for name in _IDENTITY},
            variables=tuple(
                (name, value_from_json(value, f"{where}'s variable {name}"))
                for name, value in mapping(found["variables"], f"{where}'s variables").items()
            ),
            changes=tuple(ResourceChange.from_json(item, where) for item in items(found["changes"], where)),
            outputs=tuple(OutputChange.from_json(item, where) for item in items(found["outputs"], where)),
            deferred=tuple(DeferredChange.from_json(item, where) for item in items(found["deferred"], where)),
            complete=typed(found["complete"], bool, where),
            drift=tuple(ResourceChange.from_json(item, where) for item in items(found["drift"], where)),
            checks=tuple(Check.from_json(item, where) for item in items(found["checks"], where)),
        )


_SUMMARY_ORDER = (
    Action.DELETE.value,
    "replace",
    Action.UPDATE.value,
    Action.CREATE.value,
    "import",
    "move",
    Action.FORGET.value,
    Action.READ.value,
    "output",
    "deferred",
)


def is_remainder_of(approved: ChangeSet, now: ChangeSet) -> bool:
    """True if everything that `now` would do is a part of what `approved` said, on the same instance.

    This is how a killed apply may be finished under the approval it was started with. Unknown values may
    have become known, since the release and the variables, which decide them, are the same. A half-created
    resource that Terraform would now delete and create again is not a part: nobody approved a deletion.
    """
    same = (*_IDENTITY, "variables")
    if any(getattr(approved, name) != getattr(now, name) for name in same):
        return False
    if not now.complete and approved.complete:
        return False
    return (
        all(_has_change(approved, change) for change in now.changes)
        and all(_has_output(approved, output) for output in now.outputs)
        and set(now.deferred) <= set(approved.deferred)
    )


def _has_change(approved: ChangeSet, now: ResourceChange) -> bool:
    return any(change_remains(change, now) for change in approved.changes if change.address == now.address)


def _has_output(approved: ChangeSet, now: OutputChange) -> bool:
    return any(
        output.name == now.name
        and (output.action is Action.DELETE) == (now.action is Action.DELETE)
        and value_remains(output.after, now.after)
        for output in approved.outputs
    )
