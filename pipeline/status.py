"""What runs where, what waits, what blocks the next step: read from the ledger alone, so it costs no plan."""

from typing import Any

from pipeline.ask import Wish, ask_gates
from pipeline.context import Context
from pipeline.host import lock
from pipeline.host.now import Now
from pipeline.model.environment import Environment, Instance
from pipeline.model.gates import Reason
from pipeline.model.history import History, InstanceHistory, State
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import short


def status_rows(context: Context) -> list[dict[str, Any]]:
    """Return one row per instance, in the order of the environments, previews behind the main one.

    Each row has: `instance`, `environment`, `suffix`, `state` (one of `pipeline.model.history.State`), `release`
    (digest or null), `since` (RFC 3339 or null), `wanted` (digest or null), `waiting` (the change set's digest or
    null), `queued` (the release that waits behind it, or null), `at_work` (who is at work there now, or null),
    `notices` (sentences that nobody may overlook) and `blocks` (a list of gate, sentence, unblock).
    """
    history = context.history()
    rows = []
    for environment in context.environments:
        known = {instance for instance in history.instances if instance.environment == environment.name}
        main = Instance(environment.name, environment.name)
        for instance in [main, *sorted(known - {main})]:
            mine = history.of(instance)
            if instance == main or mine.state is not State.EMPTY:
                rows.append(_row(context, history, environment, mine))
    return rows


def _row(
    context: Context, history: History, environment: Environment, mine: InstanceHistory
) -> dict[str, Any]:
    instance = mine.instance
    wanted = history.candidate.release if history.candidate and instance.is_main else None
    at_work = _at_work(context, instance)
    blocks = [] if at_work else _blocks(context, history, environment, mine, wanted)
    waiting = mine.waiting
    return {
        "instance": str(instance),
        "environment": instance.environment,
        "suffix": instance.suffix,
        "state": mine.state.value,
        "release": mine.release,
        "since": mine.deployed.at if mine.deployed else None,
        "wanted": wanted,
        "waiting": waiting.body["change_set"] if waiting else None,
        "queued": wanted if waiting and wanted not in {waiting.body["release"], mine.release} else None,
        "at_work": at_work,
        "notices": _notices(mine),
        "blocks": [
            {"gate": block.gate, "sentence": block.sentence, "unblock": block.unblock} for block in blocks
        ],
    }


def _notices(mine: InstanceHistory) -> list[str]:
    """Return what nobody may overlook, whatever else is the matter."""
    glass = mine.broken_glass
    if glass is None:
        return []
    return [f"BREAK-GLASS: {glass.by} went past the others at {glass.at}: {glass.body['reason']}"]


def _blocks(
    context: Context, history: History, environment: Environment, mine: InstanceHistory, wanted: str | None
) -> tuple[Reason, ...]:
    if mine.open_start is not None:
        sentence = f"a run was interrupted after {mine.open_start.at}"
        again = _again(mine.open_start.body["operation"], mine)
        return (Reason("interrupted", sentence, f"`{again}` finishes it"),)
    if mine.waiting is not None:
        return _what_waits_for(context, history, environment, mine, mine.waiting)
    if wanted is None or mine.release == wanted:
        # Nothing is wanted that is not there: say only what a person should know.
        at_rest = mine.release or wanted or ""
        return tuple(
            reason
            for reason in _asked(context, history, environment, mine, at_rest)
            if reason.gate in _AT_REST
        )
    reasons = _asked(context, history, environment, mine, wanted)
    ready = Reason("ready", f"{short(wanted)} is wanted here", "`nox -s promote` carries it here")
    return reasons or (ready,)


def _what_waits_for(
    context: Context, history: History, environment: Environment, mine: InstanceHistory, waiting: Entry
) -> tuple[Reason, ...]:
    operation = Operation(waiting.body["operation"])
    others = _asked(context, history, environment, mine, str(waiting.body["release"]), operation)
    if not mine.approvals:
        return (*(Reason(**reason) for reason in waiting.body["reasons"]), *others)
    by = ", ".join(entry.by for entry in mine.approvals)
    again = _again(operation, mine)
    return (Reason("approval", f"approved by {by}", f"`{again}` applies it"), *others)


def _asked(
    context: Context,
    history: History,
    environment: Environment,
    mine: InstanceHistory,
    release: str,
    operation: Operation = Operation.FORWARD,
) -> tuple[Reason, ...]:
    return ask_gates(context, history, environment, mine.instance, release, operation, Wish()).reasons


def _again(operation: str, mine: InstanceHistory) -> str:
    instance = mine.instance
    if operation == Operation.DESTROY:
        return f"nox -s destroy -- {instance.environment}" + (
            "" if instance.is_main else f" --suffix {instance.suffix}"
        )
    # Whatever was begun or approved, `promote` goes on with it.
    return "nox -s promote" + (
        "" if instance.is_main else f" -- --to {instance.environment} --suffix {instance.suffix}"
    )


_AT_REST = frozenset({"degraded", "hold", "drift", "freeze"})
"""Gates that matter even where nothing is on its way."""


def _at_work(context: Context, instance: Instance) -> str | None:
    path = context.home.locks / f"{context.target.name}.{instance.file_stem}.lock"
    if not lock.is_held(path):
        return None
    owner = lock.last_owner(path)
    doing = Now(context.home.path).of(owner.pid) if owner is not None and owner.is_on_this_host else None
    # A process carries one instance after another: what it does elsewhere is not said here.
    place, _, what = (doing or "").partition(" ")
    return f"{owner}, now: {what.strip()}" if place == str(instance) else str(owner)
