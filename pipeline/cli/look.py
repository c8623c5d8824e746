"""The verbs that only look: `page`, `show`, `history`."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from pipeline.cli.console import print_json, progress, results
from pipeline.cli.options import Json, Target
from pipeline.context import Context
from pipeline.host.home import project_root
from pipeline.model.errors import LedgerError, UsageError
from pipeline.model.history import read_history
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.page.build import build_page, history_rows
from pipeline.page.change_sets import Reading, view_of
from pipeline.page.change_sets import said_about as what_was_said
from pipeline.page.find import Found, find
from pipeline.page.gather import gather, gather_broken, seen_before
from pipeline.page.model import HistoryRow
from pipeline.page.proofs import proofs_of
from pipeline.page.rules import compared
from pipeline.page.stories import stories_of
from pipeline.page.write import write_page
from pipeline.show import change_set as show_change_set
from pipeline.show.story import show_decisions, show_history, show_story
from pipeline.waiting import shown_change_set


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(page)
    app.command()(show)
    app.command()(history)


def page(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write it. Default: site.")
    ] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Write what runs where, what waits and what happened as one HTML file."""
    broken: LedgerError | None = None
    said = progress()
    with said.step("page", "look") as step:
        try:
            before = seen_before()
            material = gather(Context.open(said, target), before)
        except LedgerError as error:
            broken = error
            material = gather_broken(error)
        made = build_page(material)
        step.result = f"{len(material.entries)} entries"
    if as_json:
        print_json(dataclasses.asdict(made))
    else:
        path, size = write_page(made, out or project_root() / "site")
        results().print(Text(f"{path} ({size:,} bytes)"), soft_wrap=True)
    if broken is not None:
        raise broken


def show(
    what: Annotated[
        str, typer.Argument(metavar="DIGEST", help="A release or a change set; its first digits are enough.")
    ],
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Show the story of a release, or a change set whole."""
    context = Context.open(progress(), target)
    entries = context.ledger.entries()
    found = find(entries, what)
    if found.is_release:
        _show_release(context, entries, found, as_json=as_json)
    else:
        _show_change_set(context, entries, found, as_json=as_json)


def history(
    env: Annotated[
        str | None, typer.Argument(metavar="ENV", help="Only of this environment, with its previews.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Only this kind: end, approval, hold ….")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Only by people whose name holds this.")
    ] = None,
    release: Annotated[
        str | None, typer.Option("--release", metavar="DIGEST", help="Only about this release; first digits.")
    ] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Show what the ledger says, oldest first."""
    if kind is not None and kind not in set(Kind):
        raise UsageError(f"there is no kind {kind!r}", f"there are {', '.join(Kind)}")
    context = Context.open(progress(), target)
    if env is not None:
        context.environments.named(env)
    digits = (release or "").strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{0,64}", digits):
        message = f"{release!r:.100} is not the beginning of a digest"
        raise UsageError(message, "`nox -s history` without it shows the first 12 digits of each")
    rows = [
        row
        for row in reversed(history_rows(context.ledger.entries()))
        if (env is None or row.place.partition("/")[0] == env)
        and (kind is None or row.kind == kind)
        and (person is None or person.casefold() in row.by.casefold())
        and (row.release or "").removeprefix("sha256:").startswith(digits)
    ]
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    _show_rows(rows)


def _show_rows(rows: Sequence[HistoryRow]) -> None:
    console = results()
    show_history(console, rows)
    noun = "entry" if len(rows) == 1 else "entries"
    console.print(Text(f"{len(rows)} {noun}"), soft_wrap=True)


def _show_release(context: Context, entries: Sequence[Entry], found: Found, *, as_json: bool) -> None:
    folded = read_history(entries)
    stories = stories_of(
        folded,
        entries,
        compared(context.store, context.ledger.path, entries, folded),
        lambda one: proofs_of(context.store, folded, one),
        wanted=frozenset({found.digest}),
    )
    story = next((each for each in stories if each.digest == found.digest), None)
    if story is None:
        message = f"the ledger has no candidate entry for release {found.digest}"
        raise UsageError(message, "`nox -s history -- --release DIGEST` shows what it says of it")
    if as_json:
        print_json(dataclasses.asdict(story))
    else:
        show_story(results(), story)


def _show_change_set(context: Context, entries: Sequence[Entry], found: Found, *, as_json: bool) -> None:
    assert found.entry is not None
    judged = shown_change_set(context, found.entry)
    reading = Reading(judged=lambda _: judged, resources=lambda _release, _place: {})
    said = what_was_said(entries).get(found.entry)
    view = view_of(found.entry, reading, said)
    if as_json:
        document: dict[str, Any] = show_change_set.to_document(
            judged.change_set, judged.findings, judged.needs_person
        )
        print_json(document | {"decisions": [{"at": at, "said": told} for at, told in view.decisions]})
        return
    console = results()
    show_change_set.show(console, judged.change_set, judged.findings, judged.needs_person, whole=True)
    show_decisions(console, view.decisions)
