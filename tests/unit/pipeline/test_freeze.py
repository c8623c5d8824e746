"""Freezes: what the clock on the wall says is what holds, also in the nights in which the clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.freeze import Freeze, Once, Weekly, in_force

_SEOUL = ZoneInfo("Asia/Seoul")
_BERLIN = ZoneInfo("Europe/Berlin")
_ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
_FRIDAY = 4


def _weekly(days: set[int], start: str, end: str, zone: ZoneInfo = _SEOUL) -> Freeze:
    return Freeze("rest", Weekly(frozenset(days), time.fromisoformat(start), time.fromisoformat(end), zone))


def _at(text: str, zone: ZoneInfo = _SEOUL, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


# --- once


def test_a_single_window_holds_from_its_start_until_its_end() -> None:
    """The first moment is inside, the last one outside, and the offset is only a spelling."""
    start, end = datetime(2026, 12, 24, 18, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
    freeze = Freeze("the shops are full", Once(start.astimezone(_SEOUL), end))

    assert freeze.covers(start - timedelta(microseconds=1)) is None
    assert freeze.covers(start) == end
    assert freeze.covers(end - timedelta(microseconds=1)) == end
    assert freeze.covers(end) is None


# --- every week


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-27T15:59", None),
        ("2026-11-27T16:00", "2026-11-28T08:00"),
        ("2026-11-28T00:00", "2026-11-28T08:00"),
        ("2026-11-28T07:59", "2026-11-28T08:00"),
        ("2026-11-28T08:00", None),
        ("2026-11-28T16:00", None),
        ("2026-11-26T16:00", None),
    ],
)
def test_a_window_that_crosses_midnight_belongs_to_the_day_on_which_it_begins(
    now: str, until: str | None
) -> None:
    """Friday from 16:00 until 08:00 is Friday's evening and Saturday's early morning, and nothing else."""
    freeze = _weekly({_FRIDAY}, "16:00", "08:00")

    assert freeze.covers(_at(now)) == (_at(until) if until else None)


def test_a_window_within_a_day_ends_on_that_day() -> None:
    """From 09:00 until 17:00 crosses no midnight."""
    freeze = _weekly({_FRIDAY}, "09:00", "17:00")

    assert freeze.covers(_at("2026-11-27T12:00")) == _at("2026-11-27T17:00")
    assert freeze.covers(_at("2026-11-28T12:00")) is None


def test_the_zone_decides_which_day_it_is() -> None:
    """When Friday begins in Seoul it is still Thursday in UTC."""
    freeze = _weekly({_FRIDAY}, "00:00", "01:00")

    assert freeze.covers(datetime(2026, 11, 26, 15, 30, tzinfo=UTC)) == datetime(2026, 11, 26, 16, tzinfo=UTC)


def test_windows_without_a_gap_between_them_are_one() -> None:
    """A weekend of three whole days ends on Monday, whenever one asks."""
    freeze = _weekly({_FRIDAY, 5, 6}, "18:00", "18:00")

    assert freeze.covers(_at("2026-11-27T18:00")) == _at("2026-11-30T18:00")
    assert freeze.covers(_at("2026-11-30T17:59")) == _at("2026-11-30T18:00")


# --- the nights in which the clocks are changed: 2026-03-29 and 2026-10-25 in Berlin


def test_an_hour_that_is_skipped_shortens_the_window() -> None:
    """From 01:00 until 04:00 lasts two hours in the night in which 02:00 does not come."""
    freeze = _weekly({6}, "01:00", "04:00", _BERLIN)

    assert freeze.covers(_at("2026-03-29T01:00", _BERLIN)) == datetime(2026, 3, 29, 2, tzinfo=UTC)
    assert freeze.covers(datetime(2026, 3, 29, 2, tzinfo=UTC)) is None


def test_an_hour_that_comes_twice_is_frozen_twice() -> None:
    """Until 02:30 means the second 02:30, and from 02:30 the first."""
    ends, begins = (
        _weekly({6}, "01:00", "02:30", _BERLIN),
        _weekly({6}, "02:30", "04:00", _BERLIN),
    )
    second = _at("2026-10-25T02:30", _BERLIN, fold=1).astimezone(UTC)

    assert ends.covers(_at("2026-10-25T02:29", _BERLIN)) == second
    assert ends.covers(_at("2026-10-25T02:29", _BERLIN, fold=1)) == second
    assert begins.covers(_at("2026-10-25T02:30", _BERLIN)) is not None


def test_a_bound_that_does_not_exist_makes_the_window_longer() -> None:
    """02:30 in the night in which it is skipped: the freeze begins early and ends late, by no more than the hour."""
    begins, ends = _weekly({6}, "02:30", "04:00", _BERLIN), _weekly({6}, "01:00", "02:30", _BERLIN)

    assert begins.covers(datetime(2026, 3, 29, 0, 30, tzinfo=UTC)) is not None
    assert begins.covers(datetime(2026, 3, 29, 0, 29, tzinfo=UTC)) is None
    assert ends.covers(_at("2026-03-29T01:30", _BERLIN)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


# --- whatever is written, whenever one asks


@st.composite
def _windows(draw: st.DrawFn) -> Weekly:
    minutes = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
    return Weekly(
        days=draw(st.frozensets(st.integers(0, 6), min_size=1, max_size=6)),
        start=draw(minutes),
        end=draw(minutes),
        zone=ZoneInfo(draw(st.sampled_from(_ZONES))),
    )


_MOMENTS = st.datetimes(datetime(2011, 12, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def _wall_says(window: Weekly, now: datetime) -> bool:
    """Whether somebody who reads the clock and the calendar on the wall says that it is frozen."""
    wall = now.astimezone(window.zone)
    clock = wall.time()
    today, yesterday = wall.weekday() in window.days, (wall.weekday() - 1) % 7 in window.days
    if window.end > window.start:
        return today and window.start <= clock < window.end
    return (today and clock >= window.start) or (yesterday and clock < window.end)


@settings(deadline=None)  # the first question reads a zone from the disk
@given(_windows(), _MOMENTS)
def test_whenever_the_wall_says_frozen_it_is(window: Weekly, now: datetime) -> None:
    """No change of the clocks opens a door that the calendar keeps shut, but where a whole day was skipped."""
    if window.zone.key == "Pacific/Apia" and now.year == 2011:
        return
    if _wall_says(window, now):
        assert Freeze("x", window).covers(now) is not None


@settings(deadline=None)  # the first question reads a zone from the disk
@given(_windows(), _MOMENTS)
def test_away_from_a_change_the_wall_alone_decides(window: Weekly, now: datetime) -> None:
    """Where no clock is changed within two days, frozen means what the clock and the calendar say."""
    offsets = {
        (now + timedelta(days=shift)).astimezone(window.zone).utcoffset() for shift in (-2, -1, 0, 1, 2)
    }
    if len(offsets) == 1:
        assert (Freeze("x", window).covers(now) is not None) == _wall_says(window, now)


@settings(deadline=None)  # the first question reads a zone from the disk
@given(_windows(), _MOMENTS)
def test_at_its_end_it_is_over(window: Weekly, now: datetime) -> None:
    """The end that is said lies ahead; until then it is frozen without a gap, and at that moment no longer."""
    freeze = Freeze("x", window)
    until = freeze.covers(now)

    if until is not None:
        assert now < until < now + timedelta(days=9)
        assert freeze.covers(until) is None
        assert freeze.covers(until - timedelta(microseconds=1)) == until
        assert freeze.covers(now + (until - now) / 2) == until


# --- several


def test_of_several_freezes_the_longest_is_said() -> None:
    """Deny wins: one that covers the moment is enough, and who waits is told the latest end."""
    now = _at("2026-11-27T20:00")
    short, long = _weekly({_FRIDAY}, "19:00", "21:00"), _weekly({_FRIDAY}, "16:00", "08:00")
    elsewhere = _weekly({0}, "19:00", "21:00")

    assert in_force((short, long, elsewhere), now) == (long, _at("2026-11-28T08:00"))
    assert in_force((elsewhere,), now) is None
    assert in_force((), now) is None
