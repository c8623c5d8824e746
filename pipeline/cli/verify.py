"""The verb `verify`: check everything again, offline."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.console import print_json, progress, results
from pipeline.cli.options import Json
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home
from pipeline.show.progress import Progress
from pipeline.show.text import safe
from pipeline.stores.registry import Registry
from pipeline.stores.registry_address import Address
from pipeline.stores.releases import ReleaseStore
from pipeline.verify import Verification, parse_anchor
from pipeline.verify import verify as verify_all


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(verify)


def verify(
    release: Annotated[
        str | None,
        typer.Argument(metavar="DIGEST", help="Only this release; its first digits are enough."),
    ] = None,
    contains: Annotated[
        str | None,
        typer.Option(
            "--contains", metavar="N:DIGEST", help="An entry you know: a ledger without it was shortened."
        ),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="PATH", help="A ledger. Default: the one here.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="PATH",
            help="A release store, or a registry's oci:// address. Default: the one here.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check everything again, offline: ledger, releases, evidence, approvals."""
    anchor = None if contains is None else parse_anchor(contains)
    ledger = ledger or Home.find().ledger
    shown = progress()
    with (
        _opened(store, shown) as kept,
        shown.step("verify", "everything" if release is None else release) as step,
    ):
        found = verify_all(ledger.resolve(), kept, release, anchor, step.say)
        step.result = f"{found.entries} entries"
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(1)


@contextmanager
def _opened(store: str | None, shown: Progress) -> Iterator[ReleaseStore]:
    """Give the store to look into; of a registry everything is read anew, whatever lies on this machine."""
    if store is None or "://" not in store:
        yield ReleaseStore(Path(store) if store else Home.find().releases)
        return
    registry = Registry(Address.parse(store), lambda text: shown.note("store", text))
    with scratch_folder(Home.find().work, "verify") as folder:
        yield ReleaseStore(folder, registry)


def _show(found: Verification) -> None:
    console = results()
    lines = [line for story in found.stories for line in story.lines()]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"{problem.kind.upper()}: {problem.sentence}" for problem in found.problems]
    if found.head is not None:
        lines.append(f"ledger: {found.entries} entries, the newest is {found.entries}:{found.head}")
    for line in (*lines, found.verdict):
        console.print(Text(safe(line)), soft_wrap=True)
