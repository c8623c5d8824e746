"""Prune: remove releases that are neither deployed, nor waiting, nor among the last deployed anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.context import Context
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning came to.

    Attributes:
        removed: Digests of the releases that went.
        kept: Those that stayed, each with why.
        freed_bytes: Bytes of blobs that nothing needs any more.
    """

    removed: tuple[str, ...]
    kept: Mapping[str, str]
    freed_bytes: int


def prune(context: Context, *, dry_run: bool = False) -> Pruned:
    """Remove every release that nothing needs, with what is attached to it; the ledger keeps their digests for ever.

    Raises:
        TollgateError: The store is damaged or cannot be written.
    """
    needed = _needed(context.history(), context.ledger.entries(), context.project.keep_releases)
    here = context.store.releases()
    kept = {digest: needed[digest] for digest in here if digest in needed}
    removed = tuple(digest for digest in here if digest not in needed)
    freed = context.store.remove(removed, dry_run=dry_run)
    return Pruned(removed=removed, kept=kept, freed_bytes=freed)


def _needed(history: History, entries: tuple[Entry, ...], keep: int) -> dict[str, str]:
    """Return the releases that something needs, each with the first reason found."""
    needed: dict[str, str] = {}
    if history.candidate is not None:
        needed[history.candidate.release] = "it is wanted"
    for instance, mine in sorted(history.instances.items()):
        for entry, why in (
            (mine.deployed, f"it is deployed in {instance}"),
            (mine.open_start, f"a run in {instance} was interrupted with it"),
            (mine.waiting, f"it waits in {instance}"),
            (mine.last_end if mine.is_degraded else None, f"it is half deployed in {instance}"),
        ):
            if entry is not None:
                needed.setdefault(str(entry.body["release"]), why)
    lately: dict[str, list[str]] = {}
    for entry in reversed(entries):
        if entry.kind is not Kind.END or entry.body["outcome"] != "SUCCEEDED":
            continue
        releases = lately.setdefault(str(entry.body["environment"]), [])
        release = str(entry.body["release"])
        if release not in releases and len(releases) < keep:
            releases.append(release)
            needed.setdefault(release, f"it is among the last {keep} of {entry.body['environment']}")
    return needed
