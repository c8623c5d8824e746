"""What differs between the rules that two releases were judged by: policies first, then every other setting."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from pipeline.model.errors import TollgateError
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.page.differences import NOTHING, differences, named_differences
from pipeline.page.stories import Differences
from pipeline.pinned import SETTINGS_FILE
from pipeline.settings.bundle import Bundle
from pipeline.stores.ledger_documents import LedgerDocuments
from pipeline.stores.releases import ReleaseStore

_PINS = {Kind.GENESIS, Kind.SETTINGS}
_POLICIES = "policies/"


def compared(store: ReleaseStore, ledger: Path, entries: Sequence[Entry], history: History) -> Differences:
    """Return what says how two releases differ, in their files and in the rules that counted for them.

    Args:
        store: Holds the releases.
        ledger: The ledger's repository, which holds the pinned settings.
        entries: Its verified entries.
        history: What they add up to.
    """
    pins = {str(entry.body["settings"]): entry for entry in entries if entry.kind in _PINS}

    @lru_cache
    def files_of(settings: str) -> Mapping[str, bytes] | None:
        pin = pins.get(settings)
        try:
            ((_, (document,)),) = LedgerDocuments(ledger).read([pin] if pin else [], SETTINGS_FILE)
            bundle = Bundle.from_document(document or b"")
        except (TollgateError, ValueError):
            return None
        return bundle.files if bundle.digest == settings else None

    def told(release: str, before: str | None) -> tuple[str, ...]:
        found = differences(store, release, before)
        judged_by = [_judged_by(history, each) for each in (before, release)]
        if judged_by[0] in {judged_by[1], None} or judged_by[1] is None:
            return found
        rules = tuple(_lines(*(files_of(settings or "") for settings in judged_by)))
        return rules if found == (NOTHING,) else (*found, *rules)

    return told


def _judged_by(history: History, release: str | None) -> str | None:
    """Return the digest of the settings under which a release was last checked; None where it never was."""
    evidence = history.evidence.get(release or "", ())
    return str(evidence[-1].body["settings"]) if evidence else None


def _lines(old: Mapping[str, bytes] | None, new: Mapping[str, bytes] | None) -> Iterator[str]:
    if old is None or new is None:
        yield "settings: others counted, and this ledger does not hold both"
        return
    for title, are_policies in (("policies", True), ("settings", False)):
        sides = (
            {name: content for name, content in files.items() if name.startswith(_POLICIES) == are_policies}
            for files in (old, new)
        )
        yield from named_differences(title, "file", *sides)
