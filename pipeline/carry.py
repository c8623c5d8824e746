"""Carry a release into one instance: verify, plan, ask the gates, apply, prove, record."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.apply import apply_and_prove, close_open, insist_on_anchor, record_start, resumable
from pipeline.ask import Wish, ask_gates, decide_shown
from pipeline.bootstrap import ensure_bootstrapped
from pipeline.context import Context, with_fresh_ledger
from pipeline.host.faults import reached
from pipeline.model.environment import Environment, Instance
from pipeline.model.gates import BEHIND_GLASS, Reason
from pipeline.model.history import History, InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import Release, short
from pipeline.plan import Judged, Site, judge, open_site
from pipeline.waiting import record_shown, shown_change_set, waits_already

_PATIENT = frozenset({"soak", "freeze", "hold"})
"""Gates that only ask for patience: who promotes has done nothing wrong."""


class Arrival(StrEnum):
    """How far a release came in one instance."""

    THERE = "already there"
    ARRIVED = "promoted"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What reconciling one instance came to.

    Attributes:
        instance: Which one.
        release: What was wanted there.
        arrival: How far it came.
        reasons: What stands in the way.
        judged: The change set at hand, where there is one.
        mismatch: Whether an approval was there, but for another change set than the one planned now.
        queued: A newer release that waits behind the change set that is offered; None where none does.
    """

    instance: Instance
    release: str
    arrival: Arrival
    reasons: tuple[Reason, ...] = ()
    judged: Judged | None = None
    mismatch: bool = False
    queued: str | None = None


def carry(
    context: Context,
    environment: Environment,
    instance: Instance,
    release: Release,
    wish: Wish,
    operation: Operation = Operation.FORWARD,
    *,
    ask_cloud: bool = False,
) -> Report:
    """Carry the release into the instance as far as its gates allow.

    Raises:
        TollgateError: Something went wrong; what had been done is recorded.
    """
    history = context.history()
    mine = history.of(instance)
    if operation is Operation.FORWARD and not ask_cloud and _is_settled(mine, release):
        context.progress.note(str(instance), f"runs {short(release.digest)} already")
        return Report(instance=instance, release=release.digest, arrival=Arrival.THERE)
    early = ask_gates(context, history, environment, instance, release.digest, operation, wish)
    stops = _beyond_glass(early.reasons, wish)
    if stops and mine.open_start is None:
        for reason in stops:
            context.progress.note(str(instance), f"stopped: {reason.sentence}")
        return _stopped(instance, release, stops)
    if not ask_cloud and _waits_undecided(context, history, environment, mine, release, operation):
        return _still_waiting(context, instance, release, mine)
    with context.progress.step(str(instance), "verify") as step:
        context.store.load(release.digest)
        step.result = short(release.digest)
    reached("verified")
    ensure_bootstrapped(context, environment, context.target.account(environment))
    what = f"{_WORDS[operation]} {short(release.digest)}"
    with open_site(context, environment, instance, release, what) as site:
        # Before anything rests on the ledger here: a shortened one also shows runs as open that have ended.
        insist_on_anchor(context, site)
        judged = judge(context, site, operation, takes_over=True)
        decided = with_fresh_ledger(lambda: _decide(context, site, wish, judged, operation))
        if isinstance(decided, Report):
            if decided.arrival is Arrival.THERE:
                context.target.was_looked_into(instance)
            return decided
        apply_and_prove(context, site, judged, decided)
        context.target.was_looked_into(instance)
    return Report(instance=instance, release=release.digest, arrival=Arrival.ARRIVED, judged=judged)


def offered(history: InstanceHistory, environment: Environment, settings: str) -> Entry | None:
    """Return the change set that is offered there under these settings, until people decide or its time is over."""
    waiting = history.waiting
    if waiting is None or history.open_start is not None or waiting.body["settings"] != settings:
        return None
    until = waiting.time + timedelta(hours=environment.offer_hours)
    return waiting if datetime.now(UTC) < until else None


def _decide(context: Context, site: Site, wish: Wish, judged: Judged, operation: Operation) -> Report | Entry:
    """Return the start entry to go on with, or the report with which it ends here."""
    instance, release = site.instance, site.release
    history = context.history()
    mine = history.of(instance)
    settled = operation is Operation.FORWARD and _is_settled(mine, release)
    if judged.change_set.is_empty and settled:
        return Report(instance=instance, release=release.digest, arrival=Arrival.THERE, judged=judged)
    start = resumable(context, mine, judged, operation, release)
    if start is not None:
        return start
    if mine.open_start is not None:
        close_open(context, mine, history.head)
        history = context.history()
        mine = history.of(instance)
    decision = ask_gates(
        context, history, site.environment, instance, release.digest, operation, wish, judged
    )
    if decision.allowed:
        return record_start(context, site, judged, operation, decision, history)
    if any(reason.gate != "approval" for reason in _beyond_glass(decision.reasons, wish)):
        return _stopped(instance, release, decision.reasons, judged)
    again = waits_already(context, mine, judged, operation)
    if not again:
        record_shown(context, judged, operation, decision.reasons, history.head)
        reached("shown")
    return Report(
        instance=instance,
        release=release.digest,
        arrival=Arrival.WAITING,
        reasons=decision.reasons,
        judged=judged,
        mismatch=bool(mine.approvals) and not again,
    )


def _stopped(
    instance: Instance, release: Release, reasons: tuple[Reason, ...], judged: Judged | None = None
) -> Report:
    patient = all(reason.gate in _PATIENT for reason in reasons)
    arrival = Arrival.WAITING if patient else Arrival.REFUSED
    return Report(instance=instance, release=release.digest, arrival=arrival, reasons=reasons, judged=judged)


def _beyond_glass(reasons: tuple[Reason, ...], wish: Wish) -> tuple[Reason, ...]:
    """Return what stops even a person who breaks the glass, if the wish is to do so."""
    return tuple(reason for reason in reasons if not wish.break_glass or reason.gate not in BEHIND_GLASS)


def _is_settled(history: InstanceHistory, release: Release) -> bool:
    return history.release == release.digest and history.open_start is None and not history.is_degraded


def _waits_undecided(
    context: Context,
    history: History,
    environment: Environment,
    mine: InstanceHistory,
    release: Release,
    operation: Operation,
) -> bool:
    """Whether exactly this was shown, needs a person and nobody has decided, so that another plan tells nothing."""
    waiting = mine.waiting
    return (
        waiting is not None
        and waiting.body["release"] == release.digest
        and waiting.body["operation"] == operation
        and waiting.body["settings"] == context.settings.digest
        and not mine.approvals
        and mine.open_start is None
        and not decide_shown(context, history, environment, waiting).allowed
    )


def _still_waiting(
    context: Context, instance: Instance, release: Release, history: InstanceHistory
) -> Report:
    """Show again what was shown before; a new plan is made when somebody has decided."""
    assert history.waiting is not None
    context.progress.note(str(instance), f"still waits, shown {history.waiting.at}")
    return Report(
        instance=instance,
        release=release.digest,
        arrival=Arrival.WAITING,
        reasons=tuple(Reason(**reason) for reason in history.waiting.body["reasons"]),
        judged=shown_change_set(context, history.waiting),
    )


_WORDS = {
    Operation.FORWARD: "promoting",
    Operation.HEAL: "healing with",
    Operation.RECOVERY: "recovering with",
    Operation.ROLLBACK: "rolling back to",
    Operation.DESTROY: "destroying",
}
