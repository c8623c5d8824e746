"""What the ledger's entries add up to: for each instance, what runs there, what is under way, what waits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from pipeline.model.environment import Instance
from pipeline.model.ledger import Entry, Kind, Operation, Outcome


class State(StrEnum):
    """An instance in one word."""

    EMPTY = "empty"
    DEPLOYED = "deployed"
    WAITING = "waiting"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that somebody wants moved through the environments.

    Attributes:
        entry: Where the ledger says so.
    """

    entry: Entry

    @property
    def release(self) -> str:
        """The release's digest."""
        return str(self.entry.body["release"])

    @property
    def is_dirty(self) -> bool:
        """Whether it was built from files that no commit holds, and nobody said that this is fine."""
        return bool(self.entry.body["dirty"]) and not self.entry.body["dirty_allowed"]


@dataclass(frozen=True, slots=True)
class InstanceHistory:
    """What the ledger says of one instance.

    Attributes:
        instance: Which one.
        deployed: The end entry of the promotion that proved what runs there; None where nothing runs.
        open_start: A start entry without an end: a run that was killed, or is at work now.
        last_end: The newest end entry of a promotion that may have changed something.
        waiting: The newest change set shown and not yet decided.
        approvals: Approvals of `waiting`, not yet used.
        rejection: The newest rejection of a release, until a newer change set is shown or a promotion starts.
        proven: Releases that were proven there, with the time.
    """

    instance: Instance
    deployed: Entry | None = None
    open_start: Entry | None = None
    last_end: Entry | None = None
    waiting: Entry | None = None
    approvals: tuple[Entry, ...] = ()
    rejection: Entry | None = None
    proven: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def release(self) -> str | None:
        """The release that runs there, proven."""
        return str(self.deployed.body["release"]) if self.deployed else None

    @property
    def is_degraded(self) -> bool:
        """Whether the last promotion changed something and did not prove it."""
        return (
            self.open_start is None
            and self.last_end is not None
            and self.last_end.body["outcome"] in {Outcome.FAILED, Outcome.ERRORED}
        )

    @property
    def state(self) -> State:
        """The instance in one word; what needs a person first."""
        if self.is_degraded or self.open_start is not None:
            return State.DEGRADED
        if self.waiting is not None:
            return State.WAITING
        return State.DEPLOYED if self.deployed is not None else State.EMPTY


@dataclass(frozen=True, slots=True)
class History:
    """What the whole ledger adds up to.

    Attributes:
        candidate: The newest one.
        instances: Every instance the ledger ever named.
    """

    candidate: Candidate | None
    instances: Mapping[Instance, InstanceHistory]

    def of(self, instance: Instance) -> InstanceHistory:
        """Return one instance's history, empty where the ledger never named it."""
        return self.instances.get(instance, InstanceHistory(instance))


def read_history(entries: Iterable[Entry]) -> History:
    """Fold entries, oldest first, into what they add up to."""
    candidate: Candidate | None = None
    instances: dict[Instance, InstanceHistory] = {}
    for entry in entries:
        if entry.kind is Kind.CANDIDATE:
            candidate = Candidate(entry)
        elif entry.kind is not Kind.GENESIS:
            instance = Instance(entry.body["environment"], entry.body["suffix"])
            before = instances.get(instance, InstanceHistory(instance))
            instances[instance] = _STEPS[entry.kind](before, entry)
    return History(candidate, instances)


def _shown(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    return replace(before, waiting=entry, approvals=(), rejection=None)


def _approved(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    if before.waiting is None or entry.body["shown"] != before.waiting.digest:
        return before  # it approves something that no longer waits, so it approves nothing
    return replace(before, approvals=(*before.approvals, entry))


def _rejected(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    if before.waiting is None or entry.body["shown"] != before.waiting.digest:
        return before
    # Whoever keeps an instance from being destroyed has said nothing against the release that runs there.
    destroys = before.waiting.body["operation"] == Operation.DESTROY
    return replace(before, waiting=None, approvals=(), rejection=None if destroys else entry)


def _started(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    return replace(before, open_start=entry, waiting=None, approvals=(), rejection=None)


def _ended(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    after = replace(before, open_start=None)
    if entry.body["outcome"] == Outcome.REFUSED:
        return after  # nothing was changed: what was broken still is, what was whole still is
    after = replace(after, last_end=entry)
    if entry.body["outcome"] != Outcome.SUCCEEDED:
        return after
    if entry.body["operation"] == Operation.DESTROY:
        return replace(after, deployed=None, proven={})
    return replace(after, deployed=entry, proven={**before.proven, str(entry.body["release"]): entry.time})


_STEPS = {
    Kind.SHOWN: _shown,
    Kind.APPROVAL: _approved,
    Kind.REJECTION: _rejected,
    Kind.START: _started,
    Kind.END: _ended,
}
