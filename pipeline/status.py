"""What runs where, what waits, what blocks the next step: read from the ledger alone, so it costs no plan."""

from typing import Any

from pipeline.carry import Wish, ask_gates
from pipeline.context import Context
from pipeline.host import lock
from pipeline.model.environment import Environment, Instance
from pipeline.model.gates import Reason
from pipeline.model.history import History, InstanceHistory, State
from pipeline.model.release import short


def status_rows(context: Context) -> list[dict[str, Any]]:
    """Return one row per instance, in the order of the environments, previews behind the main one.

    Each row has: `instance`, `environment`, `suffix`, `state` (`deployed`, `waiting`, `degraded`, `empty`), `release`
    (digest or null), `since` (RFC 3339 or null), `wanted` (digest or null), `waiting` (the change set's digest or
    null), `at_work` (who is at work there now, or null) and `blocks` (a list of gate, sentence, unblock).
    """
    history, _ = context.history()
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
    blocks = [] if at_work else _blocks(context, environment, mine, wanted)
    return {
        "instance": str(instance),
        "environment": instance.environment,
        "suffix": instance.suffix,
        "state": mine.state.value,
        "release": mine.release,
        "since": mine.deployed.at if mine.deployed else None,
        "wanted": wanted,
        "waiting": mine.waiting.body["change_set"] if mine.waiting else None,
        "at_work": at_work,
        "blocks": [
            {"gate": block.gate, "sentence": block.sentence, "unblock": block.unblock} for block in blocks
        ],
    }


def _blocks(
    context: Context, environment: Environment, mine: InstanceHistory, wanted: str | None
) -> tuple[Reason, ...]:
    if mine.open_start is not None:
        sentence = f"a run was interrupted after {mine.open_start.at}"
        return (
            Reason(
                "interrupted", sentence, f"`{_again(mine.open_start.body['operation'], mine)}` finishes it"
            ),
        )
    if mine.is_degraded and mine.last_end is not None:
        said = str(mine.last_end.body["reason"]).splitlines()[0]
        again = _again(mine.last_end.body["operation"], mine)
        return (Reason("degraded", f"the last change did not hold: {said}", f"mend it, then `{again}`"),)
    if mine.waiting is not None:
        if mine.approvals:
            by = ", ".join(entry.by for entry in mine.approvals)
            again = _again(mine.waiting.body["operation"], mine)
            return (Reason("approval", f"approved by {by}", f"`{again}` applies it"),)
        return tuple(Reason(**reason) for reason in mine.waiting.body["reasons"])
    if wanted is None or mine.release == wanted:
        return ()
    decision = ask_gates(context, environment, mine.instance, context.store.load(wanted), Wish())
    ready = Reason("ready", f"{short(wanted)} is wanted here", "`nox -s promote` carries it here")
    return decision.reasons or (ready,)


def _again(operation: str, mine: InstanceHistory) -> str:
    verb = "promote" if operation == "forward" else operation
    where = "" if mine.instance.is_main and verb == "promote" else f" -- {mine.instance.environment}"
    if not mine.instance.is_main:
        where = f" -- --to {mine.instance.environment} --suffix {mine.instance.suffix}"
        if verb != "promote":
            where = f" -- {mine.instance.environment} --suffix {mine.instance.suffix}"
    return f"nox -s {verb}{where}"


def _at_work(context: Context, instance: Instance) -> str | None:
    path = context.home.locks / f"{context.target.name}.{instance.file_stem}.lock"
    return str(lock.last_owner(path)) if lock.is_held(path) else None
