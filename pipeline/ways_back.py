"""The ways back: forward again after an apply that did not hold, back to what was proven, and over a drift."""

from pipeline.ask import Wish, ask_gates
from pipeline.begun import finish
from pipeline.carry import Report, carry, offered
from pipeline.context import Context, with_fresh_ledger
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.release import short
from pipeline.model.ways_out import broken_change, way_back
from pipeline.stops import record_hold
from pipeline.waiting import reason_given


def rollback(
    context: Context, environment: Environment, suffix: str | None, reason: str, to: str | None = None
) -> Report:
    """Go back to a release that was proven in the instance, and hold it there so that nothing rolls forward again.

    Args:
        context: The project and its accounts.
        environment: Where.
        suffix: A second instance beside the main one.
        reason: Why; it is recorded with the hold.
        to: First hex digits of the release to go back to. Default: the one that is offered, else `last_proven`.

    Raises:
        RefusedError: There is nothing to go back to.
        UsageError: `to` names no release that was proven there, or more than one.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    mine = context.history().of(instance)
    offer = _offered(context, environment, instance, Operation.ROLLBACK)
    digest = _proven(mine, to) if to else offer or last_proven(mine)
    context.release(digest)  # before anything is recorded
    # A hold voids what was approved before it; whoever comes back with the approval has said why already.
    if not (mine.hold and mine.approvals and offer == digest):
        why = f"rolled back to {short(digest)}: {reason_given(reason)}"
        with_fresh_ledger(lambda: record_hold(context, instance, why, anew=True))
    return _carry(context, environment, instance, digest, Operation.ROLLBACK)


def recover(context: Context, environment: Environment, suffix: str | None, to: str | None = None) -> Report:
    """Finish what was interrupted; where the last change did not hold, go forward again.

    Forward is what is wanted now, else the same release.

    Args:
        context: The project and its accounts.
        environment: Where.
        suffix: A second instance beside the main one.
        to: First hex digits of a release that somebody wanted. Default: the one that is offered, else the newest that
            may come here, else the one whose change did not hold.

    Raises:
        RefusedError: The instance is not degraded.
        UsageError: `to` names no release that was ever wanted, or more than one.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    history = context.history()
    mine = history.of(instance)
    if mine.open_start is not None and to is None:
        context.target.prepare(lambda text: context.progress.note("cloud", text))
        return finish(context, environment, mine.open_start, Wish())
    broken = broken_change(mine)
    if broken is None:
        message = f"{instance} is not degraded; there is nothing to recover from"
        raise RefusedError(message, "`nox -s status` says what runs where; `nox -s promote` goes forward")
    failed = str(broken.body["release"])
    wanted = {candidate.release for candidate in history.candidates}
    offer = _offered(context, environment, instance, Operation.RECOVERY)
    if to is not None or offer is not None:
        digest = _named(to, {*wanted, failed}) if to is not None else str(offer)
        return _carry(context, environment, instance, digest, Operation.RECOVERY)
    newest = history.candidate.release if history.candidate and instance.is_main else failed
    early = ask_gates(context, history, environment, instance, newest, Operation.RECOVERY, Wish())
    return _carry(context, environment, instance, newest if early.allowed else failed, Operation.RECOVERY)


def heal(context: Context, environment: Environment, suffix: str | None) -> Report:
    """Apply the deployed release again, over what was changed behind its back.

    Raises:
        RefusedError: Nothing runs there.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    running = context.history().of(instance).release
    if running is None:
        message = f"nothing runs in {instance}, so nothing can be healed"
        raise RefusedError(message, "`nox -s status` says what runs where; `nox -s promote` deploys")
    return _carry(context, environment, instance, running, Operation.HEAL)


def _carry(
    context: Context, environment: Environment, instance: Instance, release: str, operation: Operation
) -> Report:
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    found = context.release(release)
    return carry(context, environment, instance, found, Wish(), operation, ask_cloud=True)


def last_proven(mine: InstanceHistory) -> str:
    """Return the release that an instance goes back to if nobody names one.

    Raises:
        RefusedError: There is none.
    """
    release = way_back(mine)
    if release is None:
        message = f"nothing else was ever proven in {mine.instance}, so there is no way back"
        verb = f"recover -- {mine.instance.on_command_line}" if broken_change(mine) else "promote"
        raise RefusedError(message, f"`nox -s {verb}` goes forward")
    return release


def _offered(
    context: Context, environment: Environment, instance: Instance, operation: Operation
) -> str | None:
    """Return the release with which this is offered there, for people to decide or as they have decided."""
    waiting = offered(context.history().of(instance), environment, context.settings.digest)
    return str(waiting.body["release"]) if waiting and waiting.body["operation"] == operation else None


def _proven(mine: InstanceHistory, digits: str) -> str:
    return _named(digits, set(mine.proven), f"proven in {mine.instance}")


def _named(digits: str, known: set[str], what: str = "wanted") -> str:
    """Return the one release among `known` whose digest begins with these digits."""
    start = digits.removeprefix("sha256:")
    found = [release for release in known if start and release.removeprefix("sha256:").startswith(start)]
    if len(found) == 1:
        return found[0]
    many = "more than one release" if found else "no release"
    message = f"{digits!r} names {many} that was {what}"
    names = ", ".join(sorted(short(release) for release in known)) or "none"
    raise UsageError(message, f"there are: {names}")
