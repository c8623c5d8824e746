"""How delivery goes: lead time, frequency, failures, time to restore; from the ledger, and the times of commits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from pipeline.model.environment import Instance
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from pipeline.page.model import Figure

_WINDOW = timedelta(days=30)
_BROKEN = {Outcome.FAILED, Outcome.ERRORED}
_ONWARD = {Operation.FORWARD, Operation.RECOVERY}
_DEFINITIONS = {
    "lead time": (
        "Median time from a release's commit (or, where this checkout does not know the commit, from the moment "
        "it became a candidate) to the first end of a promotion that proved it there; over the whole ledger, "
        "previews left out."
    ),
    "promotions": (
        "Promotions that carried a release on (operation forward or recovery) and ended SUCCEEDED, in the 30 days "
        "before the page was made."
    ),
    "failure rate": (
        "Of all operations that may have changed something (every end but REFUSED, a destroy left out), the "
        "share that ended FAILED or ERRORED, in the same 30 days."
    ),
    "time to restore": (
        "Median time from an end FAILED or ERRORED, when all was well before, to the next end SUCCEEDED of the "
        "same instance, whatever operation brought it; over the whole ledger."
    ),
}


def figures_of(
    names: Sequence[str], entries: Sequence[Entry], commit_times: Mapping[str, datetime], now: datetime
) -> tuple[Figure, ...]:
    """Return the figures, each for the main instance of every environment.

    Args:
        names: The environments in their order.
        entries: The ledger, oldest first.
        commit_times: When each commit was made, as far as it is known.
        now: The end of the window.
    """
    ends = {name: _ends(entries, Instance(name, name)) for name in names}
    recent = {
        name: [
            end for end in ended if now - end.time <= _WINDOW and end.body["operation"] != Operation.DESTROY
        ]
        for name, ended in ends.items()
    }
    began = _beginnings(entries, commit_times)
    committed = {
        str(entry.body["release"])
        for entry in entries
        if entry.kind is Kind.CANDIDATE and entry.body["commit"] in commit_times
    }
    values = {
        "lead time": {name: _lead_time(ended, began, committed) for name, ended in ends.items()},
        "promotions": {name: _promotions(ended) for name, ended in recent.items()},
        "failure rate": {name: _failure_rate(ended) for name, ended in recent.items()},
        "time to restore": {name: _time_to_restore(ended) for name, ended in ends.items()},
    }
    return tuple(
        Figure(name=name, values=tuple(told.items()), definition=_DEFINITIONS[name])
        for name, told in values.items()
    )


def in_words(duration: timedelta) -> str:
    """Return a duration in its two largest units: `3 d 4 h`, `12 min`, `45 s`."""
    seconds = max(int(duration.total_seconds()), 0)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    told = []
    for unit, size in units:
        number, seconds = divmod(seconds, size)
        if number:
            told.append(f"{number} {unit}")
    return " ".join(told[:2]) or "0 s"


def _ends(entries: Sequence[Entry], instance: Instance) -> list[Entry]:
    return [
        entry
        for entry in entries
        if entry.kind is Kind.END
        and (entry.body["environment"], entry.body["suffix"]) == (instance.environment, instance.suffix)
        and entry.body["outcome"] != Outcome.REFUSED
    ]


def _beginnings(entries: Sequence[Entry], commit_times: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return for each release the earliest moment that is known of it."""
    began: dict[str, datetime] = {}
    for entry in entries:
        if entry.kind is Kind.CANDIDATE:
            known = commit_times.get(str(entry.body["commit"]), entry.time)
            release = str(entry.body["release"])
            began[release] = min(known, entry.time, began.get(release, entry.time))
    return began


def _lead_time(ended: Sequence[Entry], began: Mapping[str, datetime], committed: Collection[str]) -> str:
    first: dict[str, datetime] = {}
    for end in ended:
        release = str(end.body["release"])
        if end.body["outcome"] == Outcome.SUCCEEDED and end.body["operation"] in _ONWARD:
            first.setdefault(release, end.time)
    times = [at - began[release] for release, at in first.items() if release in began]
    told = _median(times, "release")
    known = sum(release in committed for release in first)
    return f"{told}; {known} of {len(first)} from the commit" if times else told


def _promotions(ended: Sequence[Entry]) -> str:
    good = [
        end for end in ended if end.body["outcome"] == Outcome.SUCCEEDED and end.body["operation"] in _ONWARD
    ]
    return str(len(good))


def _failure_rate(ended: Sequence[Entry]) -> str:
    if not ended:
        return "none ended"
    broken = sum(end.body["outcome"] in _BROKEN for end in ended)
    return f"{broken / len(ended):.0%} ({broken} of {len(ended)})"


def _time_to_restore(ended: Sequence[Entry]) -> str:
    times = []
    broken: datetime | None = None
    for end in ended:
        if end.body["outcome"] in _BROKEN:
            broken = broken or end.time
        elif broken is not None:
            times.append(end.time - broken)
            broken = None
    open_now = "; one is not restored yet" if broken is not None else ""
    return _median(times, "failure") + open_now


def _median(times: Sequence[timedelta], noun: str) -> str:
    if not times:
        return "none yet"
    seconds = median(time.total_seconds() for time in times)
    plural = noun if len(times) == 1 else f"{noun}s"
    return f"{in_words(timedelta(seconds=seconds))} ({len(times)} {plural})"
