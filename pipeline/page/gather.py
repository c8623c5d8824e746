"""Read what the page is made from: the ledger, the release store, the settings that count, the commits' times."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.context import Context
from pipeline.host.home import Home, project_root
from pipeline.model.errors import LedgerError, TollgateError
from pipeline.model.history import History, read_history
from pipeline.model.ledger import Entry
from pipeline.model.release import short, stack_title
from pipeline.page.asked import Asked, asked_everywhere
from pipeline.page.build import Material
from pipeline.page.change_sets import Reading
from pipeline.page.model import Verification
from pipeline.page.proofs import proofs_of
from pipeline.page.rows import plain_rows
from pipeline.page.rules import compared
from pipeline.page.salvage import salvage
from pipeline.page.tree import resources_of
from pipeline.settings import load_environments, load_project
from pipeline.show.text import safe
from pipeline.status import status_rows
from pipeline.stores.ledger import Ledger
from pipeline.stores.ledger_memory import Head, LedgerMemory
from pipeline.stores.releases import ReleaseStore
from pipeline.verify import verify
from pipeline.waiting import change_set_beside

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHECKED = "Every signature, every key's power and every link from genesis on was checked."
_NOT_HERE = "The entries noted beside the states of the instances are compared before each apply, not here."
_SALVAGED = "Compared with nothing: what follows the last good entry is not believed."
_NEW = "There is nothing to compare yet."


def seen_before() -> Head:
    """Return the highest entry that this clone verified before now; to be asked before the ledger is opened.

    Raises:
        LedgerError: What this clone remembers is damaged.
    """
    return LedgerMemory(Home.find().ledger.with_suffix(".verified")).head()


def gather(context: Context, before: Head) -> Material:
    """Read everything through a context, whose ledger verified when it was opened.

    Args:
        context: The project, its stores and its ledger.
        before: What `seen_before` said before the context was opened.

    Raises:
        LedgerError: The ledger does not verify; `gather_broken` shows what does.
    """
    entries = context.ledger.entries()
    history = read_history(entries)
    now = datetime.now(UTC)
    return Material(
        project=context.project.name,
        target=context.target.name,
        relaxes=tuple(context.target.relaxes),
        now=now,
        environments=tuple(context.environments),
        history=history,
        entries=entries,
        rows=_rows(context, history),
        asked=_asked(context, history),
        verification=_verification(context, entries, before, now),
        reading=Reading(
            judged=lambda entry: change_set_beside(context.ledger, entry),
            resources=lambda release, place: _resources(context.store, release, place),
        ),
        differences=compared(context.store, context.ledger.path, entries, history),
        proofs=lambda release: proofs_of(context.store, history, release),
        commit_times=commit_times(context.project.root, entries),
    )


def gather_broken(error: LedgerError) -> Material:
    """Read what still verifies of a ledger that does not as a whole, under the settings of this checkout.

    Raises:
        TollgateError: Not even the checkout's settings can be read.
    """
    home, root = Home.find(), project_root()
    saved = salvage(home.ledger)
    environments = load_environments(root / "environments")
    history = read_history(saved.entries)
    now = datetime.now(UTC)
    store, ledger = ReleaseStore(home.releases), Ledger(home.ledger, remembers=False)
    target = str(saved.entries[0].body["target"]) if saved.entries else "unknown"
    return Material(
        project=load_project(root).name,
        target=safe(target),
        relaxes=(),
        now=now,
        environments=tuple(environments),
        history=history,
        entries=saved.entries,
        rows=plain_rows(history, environments),
        asked={},
        verification=Verification(
            verified=len(saved.entries),
            total=saved.total,
            head=history.head,
            anchor=_SALVAGED,
            at=now.isoformat(timespec="seconds"),
            problem=safe(error.message),
            unknown=saved.unknown,
        ),
        reading=Reading(
            judged=lambda entry: change_set_beside(ledger, entry),
            resources=lambda release, place: _resources(store, release, place),
        ),
        differences=compared(store, home.ledger, saved.entries, history),
        proofs=lambda release: proofs_of(store, history, release),
        commit_times=commit_times(root, saved.entries),
    )


def commit_times(root: Path, entries: Sequence[Entry]) -> Mapping[str, datetime]:
    """Return when each commit that a candidate names was made, as far as this checkout knows."""
    named = {str(entry.body["commit"]) for entry in entries if entry.kind == "candidate"}
    asked = sorted(commit for commit in named if _COMMIT.fullmatch(commit))
    if not asked:
        return {}
    try:
        answer = subprocess.run(
            ["git", "log", "--no-walk=unsorted", "--ignore-missing", "--format=%H %cI", "--stdin"],
            input="\n".join(asked),
            capture_output=True,
            text=True,
            cwd=root,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.split(" ", 1) for line in answer.stdout.splitlines())
    return {commit: datetime.fromisoformat(at) for commit, at in pairs}


def _rows(context: Context, history: History) -> list[dict[str, Any]]:
    try:
        return status_rows(context)
    except LedgerError:
        raise
    except TollgateError as error:  # a release that the store has lost, say: the board still tells the rest
        return plain_rows(history, context.environments, error)


def _asked(context: Context, history: History) -> Mapping[str, Asked]:
    try:
        return asked_everywhere(context, history)
    except LedgerError:
        raise
    except TollgateError:
        return {}  # the rows say what it is


def _verification(context: Context, entries: Sequence[Entry], before: Head, now: datetime) -> Verification:
    problems, unchecked = _looked_through(context) if entries else ((), ())
    return Verification(
        verified=len(entries),
        total=len(entries),
        head=entries[-1].digest if entries else None,
        anchor=_compared_with(before) if entries else _NEW,
        at=now.isoformat(timespec="seconds"),
        problems=problems,
        unchecked=unchecked,
    )


def _compared_with(before: Head) -> str:
    """Say with what the ledger was compared, and what nobody has shown by it."""
    if before.number:
        return (
            f"{_CHECKED} This clone had verified up to entry {before.number} ({short(before.digest)}) before, and "
            f"the ledger still holds it. {_NOT_HERE}"
        )
    return (
        f"{_CHECKED} It was compared with nothing: this clone sees the ledger for the first time, so nothing shows "
        "that it is complete. `nox -s verify -- --contains N:sha256:…` compares it with an entry that you know. "
        f"{_NOT_HERE}"
    )


def _looked_through(context: Context) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is the matter with what the ledger records, and what of it could not be looked at here."""
    try:
        found = verify(context.ledger.path, context.store)
    except TollgateError as error:
        return (), (safe(error.message),)
    problems = (problem for problem in found.problems if problem not in found.absent)
    absent = (safe(f"{problem.sentence} on this machine") for problem in found.absent)
    return tuple(safe(f"{problem.kind}: {problem.sentence}") for problem in problems), tuple(absent)


def _resources(store: ReleaseStore, release: str, place: str) -> Mapping[str, str | None]:
    """Return the resources of a release's stack; none where the store cannot give it."""
    try:
        found = store.read(store.load(release), stack_title(place))
        return resources_of(json.loads(found))
    except (TollgateError, ValueError):
        return {}
