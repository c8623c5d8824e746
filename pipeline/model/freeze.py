"""Freezes: the calendar says that nothing moves, once between two moments or every week at the same hours."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_CHAIN = 8
"""Windows that follow one another without a gap: one for each day of the week, and the next."""


@dataclass(frozen=True, slots=True)
class Once:
    """From one moment until another, which is outside.

    Attributes:
        start: With an offset.
        end: With an offset, later than `start`.
    """

    start: datetime
    end: datetime

    def around(self, _: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the one window that there is."""
        yield self.start, self.end


@dataclass(frozen=True, slots=True)
class Weekly:
    """On the same weekdays at the same hours, by the clock on the wall of one place.

    Where the clocks are changed, an hour may come twice or not at all. The window is then the longest of those
    that can be meant: a freeze that is too long is noticed and thawed, one that is too short is not noticed.

    Attributes:
        days: The weekdays on which it begins, 0 for Monday.
        start: When it begins, without an offset.
        end: When it ends; on the next day where this is not later than `start`.
        zone: Whose clock.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo

    def around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows of the days around `now`, in their order."""
        today = now.astimezone(self.zone).date()
        for shift in (-2, -1, 0, 1):
            day = today + timedelta(days=shift)
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + timedelta(days=1)
                yield (
                    min(self._moments(datetime.combine(day, self.start))),
                    max(self._moments(datetime.combine(last, self.end))),
                )

    def _moments(self, wall: datetime) -> Iterator[datetime]:
        """Yield what the clock on the wall can mean: the same moment twice, but for the nights of a change."""
        for fold in (0, 1):
            yield wall.replace(fold=fold, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing moves in an environment, and why.

    Attributes:
        reason: For whoever is kept waiting.
        window: When.
    """

    reason: str
    window: Once | Weekly

    def covers(self, now: datetime) -> datetime | None:
        """Return until when `now` is frozen, with an offset; None where it is not.

        Windows without a gap between them count as one; of one that never ends, the end of a week's is said.

        Args:
            now: With an offset.
        """
        until = self._end(now)
        for _ in range(_LONGEST_CHAIN):
            following = None if until is None else self._end(until)
            if following is None:
                break
            until = following
        return until

    def _end(self, now: datetime) -> datetime | None:
        """Return the latest end of the single windows around `now`."""
        return max((end for start, end in self.window.around(now) if start <= now < end), default=None)


def in_force(freezes: Iterable[Freeze], now: datetime) -> tuple[Freeze, datetime] | None:
    """Return the freeze that lasts longest of those that cover `now`, and until when; None where none does."""
    covering = [(freeze, until) for freeze in freezes if (until := freeze.covers(now)) is not None]
    return max(covering, key=lambda found: found[1], default=None)
