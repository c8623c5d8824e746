"""A release's story: from its commit through the evidence to each environment."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline.model.errors import TollgateError
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.page.model import Leg, Proof, Story
from pipeline.show.entries import place, release_of, sentence, weight
from pipeline.show.text import safe

_APPROVALS = {Kind.APPROVAL, Kind.BREAK_GLASS}
_SINGLE = {Kind.SHOWN, Kind.REJECTION}

Differences = Callable[[str, str | None], Sequence[str]]
"""From a release and the one before it to what differs, in words; raises TollgateError where one is missing."""


Proofs = Callable[[str], Sequence[Proof]]
"""From a release to its evidence."""


def stories_of(
    history: History,
    entries: Sequence[Entry],
    differences: Differences,
    proofs: Proofs,
    *,
    detailed: int = 0,
    wanted: frozenset[str] | None = None,
) -> tuple[Story, ...]:
    """Return the story of every release that was a candidate, newest first.

    Args:
        history: What the ledger adds up to.
        entries: The ledger, oldest first.
        differences: Says what differs between two releases.
        proofs: Gives the evidence of a release.
        detailed: How many of the newest are told whole, beside those that run somewhere; of the others only that
            they were.
        wanted: Tell exactly these whole instead.
    """
    about: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        release = release_of(entry.body)
        if release is not None:
            about[release].append(entry)
    runs_in = _runs_in(history)
    order = list(dict.fromkeys(candidate.release for candidate in history.candidates))
    before = dict(zip(order[1:], order, strict=False))
    stories = []
    for position, release in enumerate(reversed(order)):
        story = _outline(about[release], release, runs_in.get(release, ()))
        is_whole = position < detailed or bool(story.runs_in) if wanted is None else release in wanted
        if is_whole:
            story = _whole(story, history, about[release])
            story = _with_differences(story, differences, before.get(release))
            story = replace(story, proofs=tuple(proofs(release)))
        stories.append(story)
    return tuple(stories)


def legs_of(entries: Sequence[Entry]) -> tuple[Leg, ...]:
    """Return what was done with one release, oldest first; `entries` are those that are about it."""
    ends = {str(entry.body["start"]): entry for entry in entries if entry.kind is Kind.END}
    approvals = {entry.digest: entry for entry in entries if entry.kind in _APPROVALS}
    legs = []
    for entry in entries:
        if entry.kind is Kind.START:
            legs.append(_leg(entry, ends.get(entry.digest), approvals))
        elif entry.kind in _SINGLE or (entry.kind is Kind.DRIFT and entry.body["drift"] is not None):
            legs.append(
                Leg(
                    place=place(entry.body),
                    sentence=sentence(entry.kind, entry.body),
                    tone=weight(entry.kind, entry.body),
                    began=entry.at,
                    change_set=entry.body.get("change_set"),
                )
            )
    return tuple(legs)


def _outline(entries: Sequence[Entry], release: str, runs_in: Sequence[str]) -> Story:
    wanted = [entry for entry in entries if entry.kind is Kind.CANDIDATE]
    first, newest = wanted[0], wanted[-1]
    subject, commit = newest.body["subject"], newest.body["commit"]
    return Story(
        digest=release,
        at=first.at,
        by=safe(newest.by),
        commit=safe(str(commit)) if commit else None,
        subject=safe(str(subject)) if subject else None,
        dirty=bool(newest.body["dirty"]),
        runs_in=tuple(runs_in),
        detailed=False,
    )


def _whole(story: Story, history: History, entries: Sequence[Entry]) -> Story:
    people = next(
        (candidate.people for candidate in history.candidates[::-1] if candidate.release == story.digest),
        frozenset(),
    )
    return replace(
        story,
        people=tuple(sorted(safe(person) for person in people)),
        legs=legs_of(entries),
        detailed=True,
    )


def _with_differences(story: Story, differences: Differences, before: str | None) -> Story:
    try:
        return replace(story, differences=tuple(safe(line) for line in differences(story.digest, before)))
    except TollgateError as error:
        return replace(story, missing=safe(error.message))


def _leg(start: Entry, end: Entry | None, approvals: Mapping[str, Entry]) -> Leg:
    told = start if end is None else end
    people = tuple(
        safe(f"{approvals[digest].by}: {approvals[digest].body['reason']}")
        for digest in start.body["approvals"]
        if digest in approvals
    )
    return Leg(
        place=place(start.body),
        sentence=sentence(told.kind, told.body),
        tone="warning" if end is None else weight(end.kind, end.body),
        began=start.at,
        ended=end.at if end else None,
        people=people,
        change_set=str(start.body["change_set"]),
    )


def _runs_in(history: History) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for instance, mine in sorted(history.instances.items()):
        if mine.release is not None:
            found[mine.release].append(str(instance))
    return found
