"""Everything on the page, put together from what was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model.environment import Environment
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.page.asked import Asked
from pipeline.page.board import build_board
from pipeline.page.change_sets import Reading, change_set_views
from pipeline.page.figures import figures_of
from pipeline.page.model import HistoryRow, Page, Story, Verification
from pipeline.page.stories import Differences, Proofs, stories_of
from pipeline.show.entries import place, release_of, sentence, weight
from pipeline.show.text import safe

CHANGE_SETS = 40
STORIES = 40
ROWS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the page is made from.

    Attributes:
        project: The project's name.
        target: Which accounts it is about.
        relaxes: Rules that do not count at this target.
        now: When it is made.
        environments: In their order.
        history: What the verified entries add up to.
        entries: The verified entries, oldest first.
        rows: One for each instance, as `status` gives them.
        asked: What the gates say of what waits, by its instance.
        verification: How far the ledger verified.
        reading: Where change sets and stacks come from.
        differences: Says what differs between two releases.
        proofs: Gives the evidence of a release.
        commit_times: When each commit was made, as far as it is known.
    """

    project: str
    target: str
    relaxes: tuple[str, ...]
    now: datetime
    environments: Sequence[Environment]
    history: History
    entries: Sequence[Entry]
    rows: Sequence[Mapping[str, Any]]
    asked: Mapping[str, Asked]
    verification: Verification
    reading: Reading
    differences: Differences
    proofs: Proofs
    commit_times: Mapping[str, datetime]


def build_page(material: Material) -> Page:
    """Return everything that the page shows, and say what it leaves out."""
    history, entries = material.history, material.entries
    views = change_set_views(history, entries, material.reading, CHANGE_SETS, material.asked)
    stories = stories_of(history, entries, material.differences, material.proofs, detailed=STORIES)
    rows = history_rows(entries)
    return Page(
        project=safe(material.project),
        target=material.target,
        relaxes=material.relaxes,
        made=material.now.isoformat(timespec="seconds"),
        verification=material.verification,
        board=build_board(
            material.environments, material.target, history, material.rows, material.asked, material.now
        ),
        change_sets=views,
        stories=stories,
        history=rows[:ROWS],
        figures=figures_of(
            [environment.name for environment in material.environments],
            entries,
            material.commit_times,
            material.now,
        ),
        older_change_sets=_all_change_sets(entries) - len(views),
        left_out=tuple(_left_out(stories, rows)),
    )


def history_rows(entries: Sequence[Entry]) -> tuple[HistoryRow, ...]:
    """Return one row for each entry, newest first."""
    return tuple(
        HistoryRow(
            number=entry.number,
            at=entry.at,
            kind=str(entry.kind),
            place=place(entry.body),
            release=release_of(entry.body),
            by=safe(entry.by),
            sentence=sentence(entry.kind, entry.body),
            weight=weight(entry.kind, entry.body),
        )
        for entry in reversed(entries)
    )


def _all_change_sets(entries: Sequence[Entry]) -> int:
    """Return how many change sets were shown or applied; each counts once for an instance."""
    holds = (entry for entry in entries if entry.kind in {Kind.SHOWN, Kind.START})
    return len({(place(entry.body), entry.body["change_set"]) for entry in holds})


def _left_out(stories: Sequence[Story], rows: Sequence[HistoryRow]) -> list[str]:
    told = []
    if folded := sum(not story.detailed for story in stories):
        told.append(f"The details of {folded} older releases: `nox -s show -- DIGEST` shows any of them.")
    if len(rows) > ROWS:
        told.append(f"The {len(rows) - ROWS} oldest entries of the history: `nox -s history` shows all.")
    return told
