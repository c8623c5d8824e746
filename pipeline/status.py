"""What runs where, what waits, what blocks the next step: read from the ledger alone, so it costs no plan."""

from typing import Any

from pipeline.ask import Wish, ask_gates, facts_of_shown
from pipeline.context import Context
from pipeline.host import lock
from pipeline.host.now import Now
from pipeline.model.approval import counted_approvals
from pipeline.model.environment import Environment, Instance
from pipeline.model.gates import Reason, decide, did_not_hold
from pipeline.model.history import History, InstanceHistory, State
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.waiting import command_to_go_on


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
        return (_unfinished(mine.open_start, mine.instance),)
    if mine.waiting is not None:
        return _what_waits_for(context, history, environment, mine.waiting)
    if mine.is_degraded and mine.last_end is not None and not mine.instance.is_main:
        # No gate stops a preview: whoever pushes to it again wants it as it is now.
        return (did_not_hold(mine, mine.last_end),)
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


def _unfinished(start: Entry, instance: Instance) -> Reason:
    # This machine's locks say that nobody is at work here; what another machine does only the ledger would tell.
    sentence = (
        f"a run that began {start.at} has not ended: it was interrupted, or is at work on another machine"
    )
    verb = "destroy" if start.body["operation"] == Operation.DESTROY else "recover"
    return Reason("interrupted", sentence, f"`nox -s {verb} -- {instance.on_command_line}` finishes it")


def _what_waits_for(
    context: Context, history: History, environment: Environment, waiting: Entry
) -> tuple[Reason, ...]:
    """Return what keeps a change set that was shown from being done, as the gates say it now."""
    facts = facts_of_shown(context, history, environment, waiting)
    reasons = decide(facts).reasons
    if any(reason.gate == "approval" for reason in reasons):
        return reasons
    by = ", ".join(entry.by for entry in counted_approvals(facts))
    gate, sentence = ("approval", f"approved by {by}") if by else ("ready", "nobody has to say yes any more")
    # What stands in its way first: until that is gone, the command would do nothing.
    then = " then" if reasons else ""
    return (*reasons, Reason(gate, sentence, f"`{command_to_go_on(waiting)}` applies it{then}"))


def _asked(
    context: Context,
    history: History,
    environment: Environment,
    mine: InstanceHistory,
    release: str,
) -> tuple[Reason, ...]:
    return ask_gates(context, history, environment, mine.instance, release, Operation.FORWARD, Wish()).reasons


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
