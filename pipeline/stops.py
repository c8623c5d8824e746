"""What a person says of an instance or an environment: nothing moves here, it may move again, I know of this drift."""

from datetime import UTC, datetime

from pipeline.context import Context
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.waiting import MAX_REASON_LENGTH, reason_given


def record_hold(context: Context, instance: Instance, reason: str, *, anew: bool = False) -> Entry:
    """Hold the instance: nothing moves forward there until somebody ends the hold.

    Args:
        context: The project.
        instance: Which one.
        reason: Why.
        anew: Whether it takes the place of a hold that is on, of which it names the reason.

    Raises:
        RefusedError: It is held already.
        UsageError: No reason is given.
    """
    history = context.history()
    held = history.of(instance).hold
    if held is not None and anew and str(held.body["reason"]).startswith(reason):
        return held
    if held is not None and anew:
        reason = f"{reason}; {held.by} held it before: {held.body['reason']}"[:MAX_REASON_LENGTH]
    elif held is not None:
        message = f"{held.by} holds {instance} already: {held.body['reason']}"
        raise RefusedError(message, f'`nox -s unhold -- {instance.on_command_line} --reason "…"` ends it')
    return context.record(Kind.HOLD, {**_place(instance), "reason": reason_given(reason)}, history.head)


def record_unhold(context: Context, instance: Instance, reason: str) -> Entry:
    """End the hold of an instance.

    Raises:
        RefusedError: Nobody holds it.
        UsageError: No reason is given.
    """
    history = context.history()
    if history.of(instance).hold is None:
        message = f"nobody holds {instance}"
        raise RefusedError(message, "`nox -s status` says what stands in the way there")
    return context.record(Kind.UNHOLD, {**_place(instance), "reason": reason_given(reason)}, history.head)


def record_freeze(
    context: Context, environment: Environment, start: datetime | None, until: datetime, reason: str
) -> Entry:
    """Freeze an environment between two moments.

    Args:
        context: The project.
        environment: Which one.
        start: From when. Default: now.
        until: Until when.
        reason: Why.

    Raises:
        UsageError: The end is not behind the start or lies in the past, or no reason is given.
    """
    now = datetime.now(UTC)
    begins = start or now
    if until <= begins or until <= now:
        message = f"a freeze from {_text(begins)} until {_text(until)} stops nothing"
        raise UsageError(message, "`--until` must lie behind `--from` and in the future")
    body = {
        "environment": environment.name,
        "from": _text(begins),
        "until": _text(until),
        "reason": reason_given(reason),
    }
    return context.record(Kind.FREEZE, body, context.history().head)


def record_thaw(context: Context, environment: Environment, reason: str) -> tuple[Entry, ...]:
    """End every freeze of an environment that was recorded and is not over.

    Raises:
        RefusedError: There is none; those in the settings end by other settings.
        UsageError: No reason is given.
    """
    now = datetime.now(UTC)
    history = context.history()
    on = [
        freeze
        for freeze in history.freezes
        if freeze.body["environment"] == environment.name
        and datetime.fromisoformat(freeze.body["until"]) > now
    ]
    if not on:
        message = f"no recorded freeze of {environment.name} is on or to come"
        raise RefusedError(
            message, f"freezes in environments/{environment.name}.toml end by `nox -s settings`"
        )
    ended = []
    head = history.head
    for freeze in on:
        body = {"environment": environment.name, "freeze": freeze.digest, "reason": reason_given(reason)}
        ended.append(context.record(Kind.THAW, body, head))
        head = ended[-1].digest
    return tuple(ended)


def acknowledge(context: Context, instance: Instance, reason: str) -> Entry:
    """Record that the caller knows of the drift that was found last, so that promotions go on over it.

    Raises:
        RefusedError: No drift is known there, or it is acknowledged already.
        UsageError: No reason is given.
    """
    history = context.history()
    mine = history.of(instance)
    if mine.drift is None:
        message = f"no drift is known in {instance}"
        raise RefusedError(message, f"`nox -s drift -- {instance.on_command_line}` looks for it")
    if mine.acknowledged is not None:
        message = f"{mine.acknowledged.by} has acknowledged this drift already"
        raise RefusedError(message, f"`nox -s heal -- {instance.on_command_line}` puts it right")
    body = {**_place(instance), "drift": mine.drift.body["drift"], "reason": reason_given(reason)}
    return context.record(Kind.ACKNOWLEDGEMENT, body, history.head)


def revoke(context: Context, keyid: str, reason: str) -> Entry:
    """Record that a key counts no more; what was done with it stays good, a yes that was not used is void.

    Args:
        context: The project.
        keyid: Its id, or the first digits of it, at least 8.
        reason: Why.

    Raises:
        UsageError: It names no key that counts, or more than one, or no reason is given.
    """
    history = context.history()
    keys = history.authority.keys.at(history.next_number)
    found = [key for key in keys if len(keyid) >= 8 and key.keyid.startswith(keyid)]
    if len(found) != 1:
        message = f"{keyid!r} names no key that counts, or more than one"
        known = ", ".join(f"{key.keyid[:12]} ({key.person or key.role})" for key in keys) or "none"
        raise UsageError(message, f"give at least 8 digits of one of: {known}")
    body = {"key": found[0].keyid, "reason": reason_given(reason)}
    return context.record(Kind.REVOCATION, body, history.head)


def _place(instance: Instance) -> dict[str, str]:
    return {"environment": instance.environment, "suffix": instance.suffix}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
