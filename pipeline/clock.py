"""What a person says where an entry has a time that is still to come: from here on it counts no more."""

from datetime import UTC, datetime

from pipeline.context import Context, with_fresh_ledger
from pipeline.model.clock import CLOCKS_DIFFER, is_behind
from pipeline.model.errors import RefusedError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.waiting import reason_given


def go_on_from_now(context: Context, reason: str) -> Entry:
    """Record that the newest entry was written by a clock that ran ahead, and go on from this machine's.

    What waited is offered anew and its approvals are void; what soaks until a time that never was soaks from now on.

    Raises:
        RefusedError: The newest entry is not ahead, or no account says that this machine's clock is right.
        UsageError: No reason is given.
    """
    why = reason_given(reason)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    return with_fresh_ledger(lambda: _record(context, why))


def _record(context: Context, reason: str) -> Entry:
    history = context.history()
    other, now = context.other_clock(), datetime.now(UTC)
    if history.newest is None or not is_behind(now, history.newest.time):
        message = "the ledger's newest entry is not ahead of this machine's clock"
        raise RefusedError(message, "nothing has to be done; `nox -s status` says what stands in the way")
    if other is None:
        message = "no account says what time it is, so nobody can tell whose clock is wrong"
        raise RefusedError(message, "see that an account can be reached, then run the same command again")
    if abs(now - other) > CLOCKS_DIFFER:
        message = f"this machine's clock is wrong: at the account it is {other.isoformat(timespec='seconds')}"
        raise RefusedError(message, "set the clock, then run again")
    return context.record(Kind.CLOCK, {"ahead": history.newest.at, "reason": reason}, history.head)
