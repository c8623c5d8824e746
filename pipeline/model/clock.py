"""What a machine's clock may say, so that nothing is written by one that is wrong."""

from datetime import UTC, datetime, timedelta

from pipeline.model.errors import TollgateError

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far the clocks of two honest machines may be apart."""

IF_BEHIND = 'set the clock, then run again; where it is right, `nox -s clock -- --reason "…"` goes on from it'


def is_behind(now: datetime, newest: datetime) -> bool:
    """Whether a clock is behind the time of an entry that was written before."""
    return now + CLOCKS_DIFFER < newest


def behind(newest: datetime) -> str:
    """Return what is the matter with a clock that is behind the newest entry."""
    return f"this machine's clock is behind the ledger's newest entry, written {newest.isoformat()}"


def insist_not_ahead(now: datetime, other: datetime | None) -> None:
    """Refuse a clock that is ahead of another one, where that is known.

    What it wrote would keep everybody else from writing until its time has come.

    Raises:
        TollgateError: It is ahead.
    """
    if other is not None and now > other + CLOCKS_DIFFER:
        message = f"this machine's clock says {_text(now)}, but at the account it is {_text(other)}"
        raise TollgateError(message, "nothing was written; set the clock, then run again")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
