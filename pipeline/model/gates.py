"""Gates: pure questions over facts. Each no says why, and what would change it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.model.approval import counted_approvals, needed_approvals, unfit_approvals
from pipeline.model.clock import IF_BEHIND, behind, is_behind
from pipeline.model.facts import Facts
from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.model.ways_out import ways_out


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a gate said no.

    Attributes:
        gate: The gate's name, one of `GATES`.
        sentence: What is the matter.
        unblock: What would change it: a sentence or a command.
        stale: Whether only something is too old, which stops no way back.
    """

    gate: str
    sentence: str
    unblock: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a promotion may go on.

    Attributes:
        reasons: Why not; empty where it may.
        approvals: The approvals it would use up.
        skipped: What would have stopped it, had it not been a way back or had nobody broken the glass.
    """

    reasons: tuple[Reason, ...]
    approvals: tuple[Entry, ...] = ()
    skipped: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.reasons


def decide(facts: Facts) -> Decision:
    """Say whether the promotion may go on, and if not, every reason why."""
    approvals, glass = _approvals(facts)
    reasons: list[Reason] = []
    skipped: list[Reason] = []
    for name, gate in GATES.items():
        passable = name in _NEVER_ASKED[facts.operation] or (glass and name in BEHIND_GLASS)
        for reason in gate(facts):
            is_passed = passable or (reason.stale and facts.operation.is_way_back)
            (skipped if is_passed else reasons).append(reason)
    return Decision(tuple(reasons), () if reasons else approvals, tuple(skipped))


def _approvals(facts: Facts) -> tuple[tuple[Entry, ...], bool]:
    """Return the approvals that would be used, and whether one of them breaks the glass."""
    if facts.change_set is None:
        return (), False
    fitting = counted_approvals(facts)
    glass = any(entry.kind is Kind.BREAK_GLASS for entry in fitting)
    return fitting if facts.needs_person or glass else (), glass


def _clock(facts: Facts) -> list[Reason]:
    # A clock that was put back would make an expired approval valid and a soak endless.
    if facts.newest is None or not is_behind(facts.now, facts.newest):
        return []
    return [Reason("clock", behind(facts.newest), IF_BEHIND)]


def _order(facts: Facts) -> list[Reason]:
    found = _ORDERS.get(facts.operation, _proven_before)(facts)
    return [] if found is None else [Reason("order", *found)]


def _proven_here(facts: Facts) -> tuple[str, str] | None:
    if facts.release in facts.history.proven:
        return None
    sentence = f"{short(facts.release)} was never proven in {facts.history.instance}, so it is no way back"
    return sentence, f"`nox -s history -- {facts.environment.name}` says what was"


def _deployed_here(facts: Facts) -> tuple[str, str] | None:
    if facts.release == facts.history.release:
        return None
    sentence = f"{short(facts.release)} is not what is deployed in {facts.history.instance}"
    return sentence, f"`nox -s recover -- {facts.instance}` carries another one there"


def _proven_before(facts: Facts) -> tuple[str, str] | None:
    before, history = facts.before, facts.history_before
    if before is None or history is None or not facts.history.instance.is_main:
        return None
    sound = not history.is_degraded and history.open_start is None
    if facts.release in history.proven and (sound or facts.operation is Operation.RECOVERY):
        return None
    sentence = f"{short(facts.release)} is not proven in {before.name}"
    return sentence, f"`nox -s promote` carries it through {before.name} first"


_ORDERS = {Operation.ROLLBACK: _proven_here, Operation.HEAL: _deployed_here}


def _soak(facts: Facts) -> list[Reason]:
    before, history = facts.before, facts.history_before
    if facts.relaxed or before is None or history is None or not facts.history.instance.is_main:
        return []
    proven = history.proven.get(facts.release)
    wanted = timedelta(minutes=facts.environment.soak_minutes)
    if proven is None or facts.now - proven >= wanted:
        return []
    until = (proven + wanted).isoformat(timespec="minutes")
    sentence = (
        f"{short(facts.release)} has to soak in {before.name} for {facts.environment.soak_minutes} minutes"
    )
    return [Reason("soak", sentence, f"run again after {until}")]


def _evidence(facts: Facts) -> list[Reason]:
    hint = f"`nox -s verify -- {short(facts.release)}` tells all; `nox -s promote` makes what is missing"
    return [Reason("evidence", problem.sentence, hint, problem.stale) for problem in facts.evidence]


def _clean(facts: Facts) -> list[Reason]:
    if facts.environment.allows_dirty or facts.candidate is None or not facts.candidate.is_dirty:
        return []
    if facts.candidate.release != facts.release:
        return []
    return [
        Reason(
            "clean",
            "the release was built from a working tree with uncommitted changes",
            "commit them and run `nox -s promote`, or say `nox -s promote -- --allow-dirty`",
        )
    ]


def _rejection(facts: Facts) -> list[Reason]:
    rejection = facts.history.rejection
    if facts.ask_again or rejection is None or rejection.body["release"] != facts.release:
        return []
    if facts.change_set is not None and rejection.body["change_set"] != facts.change_set:
        return []
    return [
        Reason(
            "rejection",
            f"{rejection.by} rejected this change set: {rejection.body['reason']}",
            "promote another release, or ask again with `nox -s promote -- --ask-again`",
        )
    ]


def _freeze(facts: Facts) -> list[Reason]:
    found = []
    for entry in facts.freezes:
        start, until = (datetime.fromisoformat(entry.body[name]) for name in ("from", "until"))
        if entry.body["environment"] == facts.environment.name and start <= facts.now < until:
            sentence = (
                f"{facts.environment.name} is frozen until {entry.body['until']}: {entry.body['reason']}"
            )
            thaw = f'`nox -s freeze -- {facts.environment.name} --end --reason "…"` ends it before'
            found.append(Reason("freeze", sentence, f"wait, or {thaw}"))
    for window in facts.environment.freezes:
        end = window.covers(facts.now)
        if end is not None:
            until_text = end.isoformat(timespec="minutes")
            sentence = f"{facts.environment.name} is frozen until {until_text}: {window.reason}"
            found.append(Reason("freeze", sentence, "wait; the settings say so"))
    return found


def _hold(facts: Facts) -> list[Reason]:
    hold = facts.history.hold
    if hold is None:
        return []
    sentence = f"{hold.by} holds {facts.history.instance} since {hold.at}: {hold.body['reason']}"
    return [Reason("hold", sentence, f'`nox -s unhold -- {facts.instance} --reason "…"` lets it go on')]


def _degraded(facts: Facts) -> list[Reason]:
    history = facts.history
    # Nothing goes on from a preview, and whoever pushes to it again wants it as it is now.
    if not history.is_degraded or history.last_end is None or not history.instance.is_main:
        return []
    return [did_not_hold(history, history.last_end)]


def did_not_hold(mine: InstanceHistory, end: Entry) -> Reason:
    """Say what is the matter with a degraded instance, of which `end` is the last end."""
    words = str(end.body["reason"]).splitlines()
    sentence = f"the last change did not hold: {words[0] if words else 'it says no more'}"
    return Reason("degraded", sentence, ways_out(mine))


def _drift(facts: Facts) -> list[Reason]:
    history = facts.history
    if not history.has_unknown_drift or history.drift is None:
        return []
    number = len(history.drift.body["summary"])
    what = "1 thing was" if number == 1 else f"{number} things were"
    return [
        Reason(
            "drift",
            f"{what} changed behind the release's back, found {history.drift.at}",
            f"`nox -s heal -- {facts.instance}` puts it right, "
            f'or `nox -s acknowledge -- {facts.instance} --reason "…"`',
        )
    ]


def _approval(facts: Facts) -> list[Reason]:
    """Judge approvals against the change set at hand; without one there is nothing to approve yet."""
    missing = 0 if facts.change_set is None else needed_approvals(facts)
    if not missing:
        return []
    noun = "approval" if missing == 1 else "approvals"
    why = "; ".join((*facts.needs_person, *unfit_approvals(facts)))
    command = f'`nox -s approve -- {facts.instance} --reason "…"`'
    return [Reason("approval", f"{missing} {noun} missing: {why}", command)]


GATES: Mapping[str, Callable[[Facts], list[Reason]]] = {
    "clock": _clock,
    "order": _order,
    "soak": _soak,
    "evidence": _evidence,
    "clean": _clean,
    "rejection": _rejection,
    "freeze": _freeze,
    "hold": _hold,
    "degraded": _degraded,
    "drift": _drift,
    "approval": _approval,
}

# A way back must not find the door locked that it is the way through; a destroy needs no release that is fit to run.
_WAY_BACK = frozenset({"soak", "clean", "freeze", "hold", "degraded", "drift"})
_NEVER_ASKED: Mapping[Operation, frozenset[str]] = {
    Operation.FORWARD: frozenset(),
    Operation.HEAL: _WAY_BACK | {"rejection"},
    Operation.RECOVERY: _WAY_BACK,
    Operation.ROLLBACK: _WAY_BACK | {"rejection"},
    Operation.DESTROY: frozenset({"order", "soak", "evidence", "clean", "rejection", "degraded", "drift"}),
}
BEHIND_GLASS = frozenset({"soak", "freeze", "hold", "drift", "approval"})
"""What a person may break through alone: waiting and other people, never evidence, order or the change set itself."""
