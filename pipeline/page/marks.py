"""What nobody may overlook about an instance: degraded, held, frozen, drifted, broken glass."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pipeline.model.environment import Environment, Instance
from pipeline.model.freeze import in_force
from pipeline.model.gates import did_not_hold
from pipeline.model.history import InstanceHistory
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.page.model import Mark
from pipeline.show.text import moment, safe

_DRIFT_LINES = 3
UNFINISHED = "unfinished"
GATE_OF = {"degraded": "degraded", "drifted": "drift", "held": "hold"}
"""For a mark's word, the gate of which it says all there is to say."""


def marks_of(
    environment: Environment, mine: InstanceHistory, freezes: Sequence[Entry], now: datetime
) -> tuple[Mark, ...]:
    """Return the marks of one instance, what is worst first.

    Args:
        environment: Where it is, with the freezes that the settings hold.
        mine: What the ledger says of it.
        freezes: Freezes that nobody has ended, of any environment.
        now: The moment of the question; a freeze whose time is over is not told.
    """
    where = mine.instance.on_command_line
    return (
        *_broken_glass(mine),
        *_broken(mine),
        *_drift(mine, where),
        *_hold(mine, where),
        *_freezes(mine.instance, freezes, now),
        *_calendar(environment, now),
    )


def _broken_glass(mine: InstanceHistory) -> Iterator[Mark]:
    if mine.broken_glass is not None:
        entry = mine.broken_glass
        yield Mark(
            word="glass broken",
            tone="bad",
            sentence=safe(f"{entry.by} applied change set {_digits(entry)} alone: {entry.body['reason']}"),
            at=entry.at,
            next="look at what was changed, and why nobody else could be asked",
        )


def _broken(mine: InstanceHistory) -> Iterator[Mark]:
    if mine.open_start is not None:
        release = short(mine.open_start.body["release"])
        yield Mark(
            word=UNFINISHED,
            tone="bad",
            sentence=f"an apply of release {release} began and has not ended",
            at=mine.open_start.at,
        )
    elif mine.is_degraded and mine.last_end is not None:
        reason = did_not_hold(mine, mine.last_end)
        yield Mark(
            word="degraded",
            tone="bad",
            sentence=safe(reason.sentence),
            at=mine.last_end.at,
            next=reason.unblock,
        )


def _drift(mine: InstanceHistory, where: str) -> Iterator[Mark]:
    if mine.drift is None:
        return
    lines = [str(line) for line in mine.drift.body["summary"]]
    told = "; ".join(lines[:_DRIFT_LINES]) + (
        f"; and {len(lines) - _DRIFT_LINES} more" if len(lines) > _DRIFT_LINES else ""
    )
    if mine.acknowledged is not None:
        known = mine.acknowledged
        sentence = f"{told}. {known.by} knows: {known.body['reason']}"
        yield Mark(word="drift, known", tone="warning", sentence=safe(sentence), at=mine.drift.at)
        return
    yield Mark(
        word="drifted",
        tone="bad",
        sentence=safe(f"the cloud is not as the release says: {told}"),
        at=mine.drift.at,
        next=f'`nox -s heal -- {where}`, or `nox -s acknowledge -- {where} --reason "…"`',
    )


def _hold(mine: InstanceHistory, where: str) -> Iterator[Mark]:
    if mine.hold is not None:
        yield Mark(
            word="held",
            tone="warning",
            sentence=safe(f"{mine.hold.by} said that nothing moves here: {mine.hold.body['reason']}"),
            at=mine.hold.at,
            next=f'`nox -s unhold -- {where} --reason "…"`',
        )


def _freezes(instance: Instance, freezes: Sequence[Entry], now: datetime) -> Iterator[Mark]:
    for entry in freezes:
        body = entry.body
        if body["environment"] != instance.environment or datetime.fromisoformat(body["until"]) <= now:
            continue
        is_on = datetime.fromisoformat(body["from"]) <= now
        until = f"until {moment(body['until'])}"
        when = until if is_on else f"from {moment(body['from'])} {until}"
        yield Mark(
            word="frozen" if is_on else "freeze to come",
            tone="warning" if is_on else "quiet",
            sentence=safe(f"{when}, by {entry.by}: {body['reason']}"),
            at=entry.at,
        )


def _calendar(environment: Environment, now: datetime) -> Iterator[Mark]:
    found = in_force(environment.freezes, now)
    if found is not None:
        freeze, until = found
        sentence = f"until {moment(until.isoformat())}, by the settings: {freeze.reason}"
        yield Mark(word="frozen", tone="warning", sentence=safe(sentence))


def _digits(entry: Entry) -> str:
    return short(str(entry.body["change_set"]))
