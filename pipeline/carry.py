"""Carry a release into one instance: verify, plan, ask the gates, apply, prove, record."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pipeline.apply import apply_and_prove, close_open, record_start, resumable
from pipeline.bootstrap import ensure_bootstrapped
from pipeline.context import Context, with_fresh_ledger
from pipeline.evidence.checks import require_passed
from pipeline.host.faults import reached
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.gates import Decision, Facts, Reason, decide
from pipeline.model.history import InstanceHistory
from pipeline.model.ledger import Entry, Operation
from pipeline.model.release import Release, short
from pipeline.plan import Judged, Site, judge, open_site
from pipeline.waiting import record_shown, shown_change_set, waits_already


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
    """

    instance: Instance
    release: str
    arrival: Arrival
    reasons: tuple[Reason, ...] = ()
    judged: Judged | None = None
    mismatch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asks for.

    Attributes:
        to: The last environment to carry the release to; None for all.
        suffix: A second instance in an environment with previews, beside the main one.
        check: Whether to ask the cloud too where the ledger says that all is well.
        allow_dirty: Whether uncommitted files may go beyond the first environment.
        ask_again: Whether a change set that was rejected may be shown again.
    """

    to: str | None = None
    suffix: str | None = None
    check: bool = False
    allow_dirty: bool = False
    ask_again: bool = False


def carry(
    context: Context,
    environment: Environment,
    instance: Instance,
    release: Release,
    wish: Wish,
    *,
    ask_cloud: bool = False,
) -> Report:
    """Carry the release into the instance as far as its gates allow.

    Raises:
        TollgateError: Something went wrong; what had been done is recorded.
    """
    history, _ = context.history()
    mine = history.of(instance)
    if not ask_cloud and _is_settled(mine, release):
        context.progress.note(str(instance), f"runs {short(release.digest)} already")
        return Report(instance=instance, release=release.digest, arrival=Arrival.THERE)
    early = ask_gates(context, environment, instance, release, wish)
    if not early.allowed:
        for reason in early.reasons:
            context.progress.note(str(instance), f"stopped: {reason.sentence}")
        return Report(
            instance=instance, release=release.digest, arrival=Arrival.REFUSED, reasons=early.reasons
        )
    if not ask_cloud and _waits_undecided(mine, release):
        return _still_waiting(context, instance, release, mine)
    with context.progress.step(str(instance), "verify") as step:
        context.store.load(release.digest)
        require_passed(context.project, context.store, release)
        step.result = short(release.digest)
    ensure_bootstrapped(context, environment, context.target.account(environment))
    with open_site(context, environment, instance, release, f"promoting {short(release.digest)}") as site:
        return _carry_held(context, site, wish)


def _carry_held(context: Context, site: Site, wish: Wish) -> Report:
    """Go on once the instance is ours alone."""
    judged = judge(context, site)
    decided = with_fresh_ledger(lambda: _decide(context, site, wish, judged))
    if isinstance(decided, Report):
        return decided
    apply_and_prove(context, site, judged, decided)
    return Report(instance=site.instance, release=site.release.digest, arrival=Arrival.ARRIVED, judged=judged)


def _decide(context: Context, site: Site, wish: Wish, judged: Judged) -> Report | Entry:
    """Return the start entry to go on with, or the report with which it ends here."""
    instance, release = site.instance, site.release
    history, head = context.history()
    mine = history.of(instance)
    if judged.change_set.is_empty and _is_settled(mine, release):
        return Report(instance=instance, release=release.digest, arrival=Arrival.THERE, judged=judged)
    start = resumable(context, mine, judged, Operation.FORWARD, release)
    if start is not None:
        return start
    decision = ask_gates(context, site.environment, instance, release, wish, judged)
    if decision.allowed:
        head = close_open(context, mine, head)
        return record_start(context, site, judged, Operation.FORWARD, decision.approvals, head)
    again = waits_already(context, mine, judged)
    if not again:
        head = close_open(context, mine, head)
        record_shown(context, site, judged, Operation.FORWARD, decision.reasons, head)
        reached("shown")
    return Report(
        instance=instance,
        release=release.digest,
        arrival=Arrival.WAITING,
        reasons=decision.reasons,
        judged=judged,
        mismatch=bool(mine.approvals) and not again,
    )


def ask_gates(
    context: Context,
    environment: Environment,
    instance: Instance,
    release: Release,
    wish: Wish,
    judged: Judged | None = None,
) -> Decision:
    """Ask the gates; before there is a plan, only those that need none."""
    history, _ = context.history()
    before = context.environments.before(environment)
    candidate = history.candidate
    if wish.allow_dirty and candidate is not None and candidate.release == release.digest:
        candidate = None
    return decide(
        Facts(
            environment=environment,
            before=before,
            history=history.of(instance),
            history_before=history.of(instance_of(before, None)) if before else None,
            candidate=candidate,
            operation=Operation.FORWARD,
            release=release.digest,
            now=datetime.now(UTC),
            change_set=judged.change_set.digest if judged else None,
            needs_person=judged.needs_person if judged else (),
            findings=tuple(finding.id for finding in judged.findings) if judged else (),
            ask_again=wish.ask_again,
        )
    )


def _is_settled(history: InstanceHistory, release: Release) -> bool:
    return history.release == release.digest and history.open_start is None and not history.is_degraded


def _waits_undecided(history: InstanceHistory, release: Release) -> bool:
    """Whether exactly this was shown before and nobody has decided since, so that another plan tells nothing."""
    waiting = history.waiting
    return (
        waiting is not None
        and waiting.body["release"] == release.digest
        and waiting.body["operation"] == Operation.FORWARD
        and not history.approvals
        and history.open_start is None
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
