"""Change sets as people read them: what waits first, then the newest, as many as the page has room for."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.model.change_set import ChangeSet
from pipeline.model.errors import TollgateError
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.model.safety.finding import Finding
from pipeline.page.asked import Asked
from pipeline.page.model import ChangeSetView, Part, Text
from pipeline.page.tree import tree_of
from pipeline.show import change_set as show_change_set
from pipeline.show.entries import place, sentence
from pipeline.show.text import safe

_LINES_PER_PART = 150
_DECISIONS = {Kind.APPROVAL, Kind.REJECTION, Kind.BREAK_GLASS}

Resources = Callable[[str, str], Mapping[str, str | None]]
"""From a release's digest and an environment's name to the resources of its stack; empty where it is not at hand."""


class Told(Protocol):
    """What a change set comes with."""

    @property
    def change_set(self) -> ChangeSet:
        """Everything that would be done."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands out."""

    @property
    def needs_person(self) -> tuple[str, ...]:
        """Why a person has to say yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where change sets and stacks come from.

    Attributes:
        judged: Gives the change set that stands beside an entry; raises TollgateError where it cannot be read.
        resources: Gives the resources of a release's stack.
    """

    judged: Callable[[Entry], Told]
    resources: Resources


def change_set_views(
    history: History, entries: Sequence[Entry], reading: Reading, most: int, asked: Mapping[str, Asked]
) -> tuple[ChangeSetView, ...]:
    """Return the change sets to show.

    Args:
        history: What the ledger adds up to.
        entries: The ledger, oldest first.
        reading: Where change sets come from.
        most: How many at most; what waits is always among them.
        asked: What the gates say of what waits, by its instance.
    """
    waiting = {mine.waiting.digest for mine in history.instances.values() if mine.waiting is not None}
    said = said_about(entries)
    shown = _newest_of_each(entries)
    order = sorted(shown, key=lambda entry: (entry.digest not in waiting, -entry.number))
    room = max(most, sum(entry.digest in waiting for entry in order))
    return tuple(
        view_of(
            entry,
            reading,
            said.get(entry),
            waits=entry.digest in waiting,
            asked=asked.get(place(entry.body)),
        )
        for entry in order[:room]
    )


def view_of(
    entry: Entry,
    reading: Reading,
    said: Sequence[Entry] = (),
    *,
    waits: bool = False,
    asked: Asked | None = None,
) -> ChangeSetView:
    """Return one change set as people read it; one that cannot be read says why."""
    # An older no was to an older ask.
    since = [each for each in said if each.number > entry.number] if waits else said
    told = tuple((each.at, f"{safe(each.by)}: {sentence(each.kind, each.body)}") for each in since)
    digest, release = str(entry.body["change_set"]), str(entry.body["release"])
    approved = asked.approved if waits and asked else None
    common: dict[str, Any] = {
        "digest": digest,
        "entry": entry.number,
        "place": place(entry.body),
        "release": release,
        "operation": str(entry.body["operation"]),
        "at": entry.at,
        "waits": waits,
        "decisions": told,
        "command": _command(entry) if waits and not approved else None,
        "approved": approved,
    }
    try:
        judged = reading.judged(entry)
    except TollgateError as error:
        headline = f"Change set {short(digest)} for {place(entry.body)}"
        return ChangeSetView(**common, headline=headline, summary="", missing=safe(error.message))
    change_set = judged.change_set
    parts = tuple(
        Part(
            section.title,
            tuple(_text(line, with_inside=waits) for line in section.lines[:_LINES_PER_PART]),
            max(len(section.lines) - _LINES_PER_PART, 0),
        )
        for section in show_change_set.page(change_set, judged.findings, judged.needs_person)
    )
    return ChangeSetView(
        **common,
        headline=show_change_set.headline(change_set),
        summary=show_change_set.summary_line(change_set),
        parts=parts,
        tree=tree_of(change_set, reading.resources(release, str(entry.body["environment"]))),
    )


def _text(line: show_change_set.Line, *, with_inside: bool) -> Text:
    """Return a line for the page. What is folded comes along where somebody has to decide, and only there."""
    inside = tuple(_text(below, with_inside=True) for below in line.inside) if with_inside else ()
    return Text(line.depth, line.text, line.tone, inside)


def _newest_of_each(entries: Sequence[Entry]) -> list[Entry]:
    """Return for each change set of an instance its newest showing, or its start where nobody had to be asked."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.kind is Kind.SHOWN or (entry.kind is Kind.START and _key(entry) not in found):
            found[_key(entry)] = entry
    return list(found.values())


class Said:
    """What people said to each change set, and how its apply went."""

    def __init__(self, said: Mapping[tuple[str, str], Sequence[Entry]]) -> None:
        self._said = said

    def get(self, entry: Entry) -> Sequence[Entry]:
        """Return what was said to the change set of an entry, oldest first."""
        return self._said.get(_key(entry), ())


def said_about(entries: Sequence[Entry]) -> Said:
    """Return what people said to each change set, and how its apply went, oldest first."""
    said: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    starts: dict[str, tuple[str, str]] = {}
    for entry in entries:
        if entry.kind in _DECISIONS or entry.kind is Kind.START:
            said[_key(entry)].append(entry)
            starts[entry.digest] = _key(entry)
        elif entry.kind is Kind.END and str(entry.body["start"]) in starts:
            said[starts[str(entry.body["start"])]].append(entry)
    return Said(said)


def _key(entry: Entry) -> tuple[str, str]:
    return place(entry.body), str(entry.body["change_set"])


def _command(entry: Entry) -> str:
    environment, suffix = entry.body["environment"], entry.body["suffix"]
    beside = "" if suffix == environment else f" --suffix {suffix}"
    digits = short(str(entry.body["change_set"]))
    return safe(f'nox -s approve -- {environment}{beside} --change-set {digits} --reason "…"')
