"""What the ledger's entries add up to: for each instance, what runs there, what is under way, what waits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from pipeline.model.authority import Authority
from pipeline.model.environment import Instance
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from pipeline.model.makers import Candidate, people_behind
from pipeline.model.trust import PublicKey, Role


class State(StrEnum):
    """An instance in one word; what needs a person first comes first."""

    DEGRADED = "degraded"
    """A change was begun there and not proven."""
    DRIFTED = "drifted"
    """The cloud is not as the deployed release says, and nobody has acknowledged it."""
    HELD = "held"
    """Somebody said that nothing moves there."""
    WAITING = "waiting"
    """A change set waits for a decision."""
    DEPLOYED = "deployed"
    """A release runs there, proven."""
    EMPTY = "empty"
    """Nothing runs there."""


@dataclass(frozen=True, slots=True)
class InstanceHistory:
    """What the ledger says of one instance.

    Attributes:
        instance: Which one.
        deployed: The end entry of the promotion that proved what runs there; None where nothing runs.
        open_start: A start entry without an end: a run that was killed, or is at work now.
        last_end: The newest end entry of a promotion that may have changed something.
        waiting: The newest change set shown and not yet decided.
        approvals: Approvals of `waiting`, not yet used; a person who breaks the glass approves too.
        rejection: The newest rejection of a release, until a newer change set is shown or a promotion starts.
        proven: Releases that were proven there and not disproven since, oldest proof first, with its time.
        hold: The hold that is on, if one is.
        drift: The newest finding that the cloud is not as the release says, until it is so again.
        acknowledged: The acknowledgement of exactly that drift.
        broken_glass: The break-glass entry with which the newest promotion went past the others.
    """

    instance: Instance
    deployed: Entry | None = None
    open_start: Entry | None = None
    last_end: Entry | None = None
    waiting: Entry | None = None
    approvals: tuple[Entry, ...] = ()
    rejection: Entry | None = None
    proven: Mapping[str, datetime] = field(default_factory=dict)
    hold: Entry | None = None
    drift: Entry | None = None
    acknowledged: Entry | None = None
    broken_glass: Entry | None = None

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
    def has_unknown_drift(self) -> bool:
        """Whether the cloud differs from the release and nobody has said that they know."""
        return self.drift is not None and self.acknowledged is None

    @property
    def state(self) -> State:
        """The instance in one word; what needs a person first."""
        return next(state for state, holds in self._states() if holds)

    def _states(self) -> tuple[tuple[State, bool], ...]:
        return (
            (State.DEGRADED, self.is_degraded or self.open_start is not None),
            (State.DRIFTED, self.has_unknown_drift),
            (State.HELD, self.hold is not None),
            (State.WAITING, self.waiting is not None),
            (State.DEPLOYED, self.deployed is not None),
            (State.EMPTY, True),
        )


@dataclass(frozen=True, slots=True)
class History:
    """What the whole ledger adds up to.

    Attributes:
        candidates: Every release that somebody wanted, oldest first.
        instances: Every instance the ledger ever named.
        evidence: For each release, the entries that name statements about it, oldest first.
        freezes: Freezes that nobody has ended, whether their time has come or not.
        authority: Which settings and keys count now.
        newest: The newest entry; None where the ledger is empty.
    """

    candidates: tuple[Candidate, ...] = ()
    instances: Mapping[Instance, InstanceHistory] = field(default_factory=dict)
    evidence: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    freezes: tuple[Entry, ...] = ()
    authority: Authority = field(default_factory=Authority)
    newest: Entry | None = None

    @property
    def candidate(self) -> Candidate | None:
        """The newest release that somebody wanted."""
        return self.candidates[-1] if self.candidates else None

    @property
    def head(self) -> str | None:
        """Digest of the newest entry."""
        return self.newest.digest if self.newest else None

    @property
    def next_number(self) -> int:
        """The number of the entry that comes next: where a key must count to be used now."""
        return self.newest.number + 1 if self.newest else 1

    def of(self, instance: Instance) -> InstanceHistory:
        """Return one instance's history, empty where the ledger never named it."""
        return self.instances.get(instance, InstanceHistory(instance))

    def people_behind(self, release: str, deployed: Entry | None) -> frozenset[str]:
        """Return everyone who made anything new in `release` since what is deployed, as `makers.people_behind` does."""
        return people_behind(self.candidates, release, deployed)


def read_history(entries: Iterable[Entry]) -> History:
    """Fold entries, oldest first, into what they add up to."""
    fold = _Fold()
    for entry in entries:
        fold.add(entry)
    return fold.history()


def histories_before(entries: Iterable[Entry], kind: Kind) -> Iterator[tuple[History, Entry]]:
    """Yield each entry of a kind with what everything before it adds up to, in one pass over the ledger."""
    fold = _Fold()
    for entry in entries:
        if entry.kind is kind:
            yield fold.history(), entry
        fold.add(entry)


class _Fold:
    """What the entries so far add up to."""

    def __init__(self) -> None:
        self._candidates: list[Candidate] = []
        self._instances: dict[Instance, InstanceHistory] = {}
        self._evidence: dict[str, tuple[Entry, ...]] = {}
        self._freezes: list[Entry] = []
        self._authority = Authority()
        self._newest: Entry | None = None

    def history(self) -> History:
        """Return it as a value that later entries do not change."""
        return History(
            tuple(self._candidates),
            dict(self._instances),
            dict(self._evidence),
            tuple(self._freezes),
            self._authority,
            self._newest,
        )

    def add(self, entry: Entry) -> None:
        """Take the next entry in."""
        self._newest = entry
        if entry.kind is Kind.CANDIDATE:
            self._candidates.append(Candidate(entry))
        elif entry.kind is Kind.EVIDENCE:
            release = str(entry.body["release"])
            self._evidence[release] = (*self._evidence.get(release, ()), entry)
        elif entry.kind is Kind.FREEZE:
            self._freezes.append(entry)
        elif entry.kind is Kind.THAW:
            self._freezes = [freeze for freeze in self._freezes if freeze.digest != entry.body["freeze"]]
        elif entry.kind in _STEPS:
            instance = Instance(entry.body["environment"], entry.body["suffix"])
            before = self._instances.get(instance, InstanceHistory(instance))
            self._instances[instance] = _STEPS[entry.kind](before, entry)
        elif entry.kind is Kind.REVOCATION:
            self._revoke(entry)
        elif entry.kind is Kind.CLOCK:
            self._instances = {
                instance: _timed_anew(before, entry) for instance, before in self._instances.items()
            }
        else:
            self._authority = self._authority.after(entry)

    def _revoke(self, entry: Entry) -> None:
        """Take a key back, and with it every yes by it, or witnessed of its person, that was not used yet."""
        keyid = str(entry.body["key"])
        key = self._authority.keys.key_at(keyid, entry.number)
        self._authority = self._authority.after(entry)
        self._instances = {
            instance: replace(
                before, approvals=tuple(each for each in before.approvals if not _is_of(key, keyid, each))
            )
            for instance, before in self._instances.items()
        }


def _is_of(key: PublicKey | None, keyid: str, approval: Entry) -> bool:
    signer = approval.key
    is_witnessed = signer is not None and signer.role is Role.WITNESS
    persons = key is not None and key.role is Role.APPROVER and approval.by == key.person
    return (signer is not None and signer.keyid == keyid) or (is_witnessed and persons)


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
    used = (approval for approval in before.approvals if approval.digest in entry.body["approvals"])
    glass = next((approval for approval in used if approval.kind is Kind.BREAK_GLASS), None)
    return replace(before, open_start=entry, waiting=None, approvals=(), rejection=None, broken_glass=glass)


def _ended(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    outcome, release = entry.body["outcome"], str(entry.body["release"])
    if outcome == Outcome.REFUSED:
        # Nothing was changed: what was broken still is, what was whole still is.
        return replace(before, open_start=None)
    after = replace(before, open_start=None, last_end=entry)
    proven = dict(before.proven)  # a copy is quick, even of a thousand releases
    proven.pop(release, None)
    if outcome == Outcome.FAILED:
        # What was proven there once and does not hold now is proven no more.
        return replace(after, proven=proven)
    if outcome != Outcome.SUCCEEDED:
        return after
    after = replace(after, drift=None, acknowledged=None)
    if entry.body["operation"] == Operation.DESTROY:
        return replace(after, deployed=None, proven={}, hold=None)
    if entry.body["operation"] == Operation.ROLLBACK and before.release != release:
        proven.pop(before.release or "", None)  # somebody went back from it: it does not go on to others
    proven[release] = entry.time
    return replace(after, deployed=entry, proven=proven)


def _held(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    return replace(before, hold=entry, approvals=())


def _released(before: InstanceHistory, _: Entry) -> InstanceHistory:
    return replace(before, hold=None)


def _drifted(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    found = entry.body["drift"]
    if found is None:
        return replace(before, drift=None, acknowledged=None)
    known = before.acknowledged is not None and before.acknowledged.body["drift"] == found
    return replace(before, drift=entry, acknowledged=before.acknowledged if known else None)


def _acknowledged(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    if before.drift is None or before.drift.body["drift"] != entry.body["drift"]:
        return before
    return replace(before, acknowledged=entry)


def _unlocked(before: InstanceHistory, _: Entry) -> InstanceHistory:
    return before


def _timed_anew(before: InstanceHistory, entry: Entry) -> InstanceHistory:
    """Let no time count that is still to come: what was offered is offered anew, what soaks begins to soak now."""
    proven = {release: min(at, entry.time) for release, at in before.proven.items()}
    return replace(before, waiting=None, approvals=(), proven=proven)


_STEPS = {
    Kind.SHOWN: _shown,
    Kind.APPROVAL: _approved,
    Kind.BREAK_GLASS: _approved,
    Kind.REJECTION: _rejected,
    Kind.START: _started,
    Kind.END: _ended,
    Kind.HOLD: _held,
    Kind.UNHOLD: _released,
    Kind.DRIFT: _drifted,
    Kind.ACKNOWLEDGEMENT: _acknowledged,
    Kind.BREAK_LOCK: _unlocked,
}
