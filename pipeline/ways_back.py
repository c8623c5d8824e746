"""The ways back: forward again after an apply that did not hold, back to what was proven, and over a drift."""

from pipeline.ask import Wish, ask_gates
from pipeline.carry import Report, carry
from pipeline.context import Context, with_fresh_ledger
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.release import short
from pipeline.stops import record_hold


def rollback(
    context: Context, environment: Environment, suffix: str | None, reason: str, to: str | None = None
) -> Report:
    """Go back to a release that was proven in the instance, and hold it there so that nothing rolls forward again.

    Args:
        context: The project and its accounts.
        environment: Where.
        suffix: A second instance beside the main one.
        reason: Why; it is recorded with the hold.
        to: First hex digits of the release to go back to. Default: the last one proven there that does not run there
            now, or, where the last change did not hold, the one that ran before it.

    Raises:
        RefusedError: There is nothing to go back to.
        UsageError: `to` names no release that was proven there, or more than one.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    mine = context.history().of(instance)
    release = context.store.load(_proven(mine, to) if to else _last_proven(mine))
    why = f"rolled back to {short(release.digest)}: {reason}"
    with_fresh_ledger(lambda: record_hold(context, instance, why, once=True))
    return _carry(context, environment, instance, release.digest, Operation.ROLLBACK)


def recover(context: Context, environment: Environment, suffix: str | None, to: str | None = None) -> Report:
    """Go forward again where the last change did not hold: with what is wanted now, else with the same release.

    Args:
        context: The project and its accounts.
        environment: Where.
        suffix: A second instance beside the main one.
        to: First hex digits of a release that somebody wanted. Default: the newest that may come here, else the one
            whose change did not hold.

    Raises:
        RefusedError: The instance is not degraded.
        UsageError: `to` names no release that was ever wanted, or more than one.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    history = context.history()
    mine = history.of(instance)
    if not mine.is_degraded or mine.last_end is None:
        message = f"{instance} is not degraded; there is nothing to recover from"
        raise RefusedError(message, "`nox -s status` says what runs where; `nox -s promote` goes forward")
    failed = str(mine.last_end.body["release"])
    wanted = {candidate.release for candidate in history.candidates}
    if to is not None:
        return _carry(context, environment, instance, _named(to, {*wanted, failed}), Operation.RECOVERY)
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
    found = context.store.load(release)
    return carry(context, environment, instance, found, Wish(), operation, ask_cloud=True)


def _last_proven(mine: InstanceHistory) -> str:
    runs = None if mine.is_degraded else mine.release
    others = [release for release in mine.proven if release != runs]
    if not others:
        message = f"nothing else was ever proven in {mine.instance}, so there is no way back"
        verb = f"recover -- {mine.instance.environment}" if mine.is_degraded else "promote"
        raise RefusedError(message, f"`nox -s {verb}` goes forward")
    return others[-1]


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
