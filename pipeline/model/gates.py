"""Gates: pure questions over facts. Each no says why, and what would change it."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.model.environment import Environment
from pipeline.model.history import Candidate, InstanceHistory
from pipeline.model.ledger import Entry, Operation
from pipeline.model.release import short


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a gate said no.

    Attributes:
        gate: The gate's name: `order`, `clean`, `rejection`, `approval`.
        sentence: What is the matter.
        unblock: What would change it: a sentence or a command.
    """

    gate: str
    sentence: str
    unblock: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a promotion may go on.

    Attributes:
        reasons: Why not; empty where it may.
        approvals: The approvals it would use up.
    """

    reasons: tuple[Reason, ...]
    approvals: tuple[Entry, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision rests on.

    Attributes:
        environment: Where to, with its settings.
        before: The environment before it in the order, None for the first.
        history: What the ledger says of the instance.
        history_before: What it says of the main instance of `before`.
        candidate: What is wanted there, with where it comes from.
        operation: What would be done.
        release: The release it would be done with.
        now: The time of the question.
        change_set: Digest of the change set about to be applied, None before there is a plan.
        needs_person: Why this change set needs a person; empty where the environment tolerates it.
        findings: Ids of everything found in it: an approval counts only if it was given with all of them in view.
        ask_again: Whether a rejected change set may be shown again.
    """

    environment: Environment
    before: Environment | None
    history: InstanceHistory
    history_before: InstanceHistory | None
    candidate: Candidate | None
    operation: Operation
    release: str
    now: datetime
    change_set: str | None = None
    needs_person: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    ask_again: bool = False


def decide(facts: Facts) -> Decision:
    """Say whether the promotion may go on, and if not, every reason why."""
    reasons = [
        reason
        for reason in (_order(facts), _clean(facts), _rejection(facts))
        if reason is not None and facts.operation is not Operation.DESTROY
    ]
    waiting, approvals = _approval(facts)
    return Decision((*reasons, *waiting), approvals)


def _order(facts: Facts) -> Reason | None:
    before, history = facts.before, facts.history_before
    if before is None or history is None or not facts.history.instance.is_main:
        return None
    if facts.release in history.proven and not history.is_degraded and history.open_start is None:
        return None
    return Reason(
        "order",
        f"{short(facts.release)} is not proven in {before.name}",
        f"`nox -s promote` carries it through {before.name} first",
    )


def _clean(facts: Facts) -> Reason | None:
    if facts.environment.allows_dirty or facts.candidate is None or not facts.candidate.is_dirty:
        return None
    if facts.candidate.release != facts.release:
        return None
    return Reason(
        "clean",
        "the release was built from a working tree with uncommitted changes",
        "commit them and run `nox -s promote`, or say `nox -s promote -- --allow-dirty`",
    )


def _rejection(facts: Facts) -> Reason | None:
    rejection = facts.history.rejection
    if facts.ask_again or rejection is None or rejection.body["release"] != facts.release:
        return None
    if facts.change_set is not None and rejection.body["change_set"] != facts.change_set:
        return None
    return Reason(
        "rejection",
        f"{rejection.by} rejected this change set: {rejection.body['reason']}",
        "promote another release, or ask again with `nox -s promote -- --ask-again`",
    )


def _approval(facts: Facts) -> tuple[tuple[Reason, ...], tuple[Entry, ...]]:
    """Judge approvals against the change set at hand; without one there is nothing to approve yet."""
    if facts.change_set is None or not facts.needs_person:
        return (), ()
    environment = facts.environment
    fitting = tuple(
        entry
        for entry in facts.history.approvals
        if entry.body["change_set"] == facts.change_set
        and entry.body["release"] == facts.release
        and set(facts.findings) <= set(entry.body["findings"])
        and datetime.fromisoformat(entry.body["expires"]) > facts.now
    )
    people = {entry.by for entry in fitting}
    needed = max(environment.approvals, 1)
    if len(people) >= needed:
        return (), fitting
    missing = needed - len(people)
    suffix = "" if facts.history.instance.is_main else f" --suffix {facts.history.instance.suffix}"
    command = f'nox -s approve -- {environment.name}{suffix} --reason "…"'
    noun = "approval" if missing == 1 else "approvals"
    why = "; ".join(facts.needs_person)
    return (Reason("approval", f"{missing} {noun} missing: {why}", f"`{command}`"),), ()
