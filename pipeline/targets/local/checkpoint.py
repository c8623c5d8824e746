"""Checkpoints of a running account: soon after a change, on request, and when it stops."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack import app as emulator

from pipeline.model.errors import TollgateError
from pipeline.targets.local import journal
from pipeline.targets.local.layout import Layout
from pipeline.targets.local.snapshot import write_snapshot

_log = logging.getLogger(__name__)

_SOON_SECONDS = 1.0
"""How long a change waits for others before a checkpoint is made."""

_SHARE = 10.0
"""A checkpoint may take one part in this many of the account's time."""


class Checkpoints:
    """Saves the emulator's state, and keeps the journal of what is not saved yet.

    Args:
        layout: Where.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._holders: set[str] = set()

    def note(self, action: str, resource: str) -> None:
        """Take down a change that the emulator has just carried out."""
        try:
            journal.record(self._layout.journal, action, resource)
        except OSError as error:
            _log.warning("the journal cannot be written: %s", error)
        self._changed.set()

    def hold(self, holder: str) -> None:
        """Make no checkpoint by itself until `holder` is released; one that is asked for is made.

        While Terraform works, its state knows less than the account. Were the account killed then, and came
        back with what the state does not know, Terraform could only fail on it; what is gone it makes anew.
        """
        self._holders.add(holder)

    def release(self, holder: str) -> None:
        """Make checkpoints again as far as `holder` is concerned."""
        self._holders.discard(holder)
        self._changed.set()

    def touch(self) -> None:
        """Take down that something small may have changed: a log line, a metric."""
        self._changed.set()

    async def run(self) -> None:
        """Save soon after each change, for ever."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SOON_SECONDS)
            if self._holders:
                continue
            started = time.monotonic()
            try:
                await self.save()
            except TollgateError as error:
                _log.error("no checkpoint: %s", error)
                await asyncio.sleep(_SOON_SECONDS * _SHARE)
                self._changed.set()
            await asyncio.sleep((time.monotonic() - started) * _SHARE)

    async def save(self) -> None:
        """Save everything as it is now.

        Raises:
            TollgateError: It cannot be written; the checkpoint before stays.
        """
        async with self._saving:
            self._changed.clear()
            with _packages_kept() as prune:
                services = _state_of_services()
                self._set_journal_aside()
                await asyncio.to_thread(write_snapshot, self._layout.snapshot, services)
            prune()
            self._layout.journal_being_saved.unlink(missing_ok=True)

    def _set_journal_aside(self) -> None:
        """Begin a new journal; the old one counts until the snapshot that covers it is written."""
        aside = self._layout.journal_being_saved
        if not self._layout.journal.exists():
            return
        if aside.exists():  # the checkpoint before failed: what it was to cover is not covered yet
            with aside.open("ab") as kept:
                kept.write(self._layout.journal.read_bytes())
            self._layout.journal.unlink()
        else:
            self._layout.journal.rename(aside)


def _state_of_services() -> dict[str, Any]:
    """Return the state of every service in use, copied without a request in between.

    Raises:
        TollgateError: A service's own thread kept changing it while it was copied.
    """
    services: dict[str, Any] = {}
    for name, get_state in emulator._build_persistence_save_dict().items():  # noqa: SLF001 (it has no public way)
        for attempt in range(5):
            try:
                services[name] = get_state()
                break
            except RuntimeError as error:  # "dictionary changed size during iteration"
                if attempt == 4:
                    message = f"the state of {name} could not be copied: {error}"
                    raise TollgateError(message, "the next checkpoint tries again") from error
                time.sleep(0.01)
    return {name: state for name, state in services.items() if state is not None}


def _call_with_each(prune: Callable[[set[str]], None], removed: list[set[str]]) -> None:
    for referenced in removed:
        prune(referenced)


@contextlib.contextmanager
def _packages_kept() -> Iterator[Callable[[], None]]:
    """Hold back the emulator's removal of old function packages until the new snapshot is on disk.

    The emulator removes them while it copies its state; killed before the snapshot is written, it would have
    the old snapshot without its packages.
    """
    functions = sys.modules.get("ministack.services.lambda_svc")
    removed: list[set[str]] = []
    if functions is None:
        yield lambda: None
        return
    prune: Callable[[set[str]], None] = functions._prune_orphan_code_blobs  # noqa: SLF001 (the one place to hold it)
    functions._prune_orphan_code_blobs = removed.append  # type: ignore[attr-defined]  # noqa: SLF001 (as above)
    try:
        yield lambda: _call_with_each(prune, removed)
    finally:
        functions._prune_orphan_code_blobs = prune  # type: ignore[attr-defined]  # noqa: SLF001 (as above)
