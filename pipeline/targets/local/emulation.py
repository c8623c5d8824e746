"""The emulator, run as one account: restored, corrected, served, saved. Importing this imports it."""

import asyncio
import contextlib
import json
import logging
import signal
import socket
from collections.abc import Callable

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as emulator

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError
from pipeline.targets.local import journal
from pipeline.targets.local.checkpoint import Checkpoints
from pipeline.targets.local.identity import Identity
from pipeline.targets.local.layout import Layout
from pipeline.targets.local.losses import Losses
from pipeline.targets.local.runrecord import RunRecord
from pipeline.targets.local.server import Server
from pipeline.targets.local.settings import emulator_settings
from pipeline.targets.local.shims import install_shims
from pipeline.targets.local.snapshot import read_snapshot

_log = logging.getLogger(__name__)

_KEEP_ALIVE_SECONDS = 75.0


class Emulation:
    """One account's emulator, from its restored state to its clean stop.

    Args:
        layout: Where its files are.
        identity: Whose account it is.
        record: This run.

    Raises:
        TollgateError: The saved state is damaged.
    """

    def __init__(self, layout: Layout, identity: Identity, record: RunRecord) -> None:
        self._layout = layout
        self._identity = identity
        self._record = record
        self._take_down_what_vanished()
        self._state = read_snapshot(layout.snapshot)
        emulator.load_state = self._state.get
        runtime = layout.scratch / "runtime"
        install_shims(runtime, frozenset(emulator_settings(identity, layout, record.port)))

    async def run(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Serve on `listener` until a signal asks for an end; save; leave no sign of an unclean one.

        Raises:
            TollgateError: What it holds cannot be written.
        """
        checkpoints = Checkpoints(self._layout)

        stop = asyncio.Event()
        failures: list[TollgateError] = []

        async def begin() -> None:
            try:
                await checkpoints.save()
                ready()
            except TollgateError as error:
                failures.append(error)
                stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks: list[asyncio.Task[None]] = []
        server = Server(
            self._identity.account_id,
            self._record.token,
            checkpoints,
            lambda: tasks.extend((loop.create_task(begin()), loop.create_task(checkpoints.run()))),
        )
        await serve(server, _config(listener), shutdown_trigger=stop.wait)  # type: ignore[arg-type]  # its own ASGI types
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if failures:
            raise failures[0]
        await checkpoints.save()
        self._layout.vanished.unlink(missing_ok=True)
        self._layout.run.unlink(missing_ok=True)
        _log.info("stopped cleanly")

    def _take_down_what_vanished(self) -> None:
        """Keep what the last end lost until the next clean one, and begin a new journal."""
        if self._layout.run.exists():
            Losses(self._layout.losses).happened()
            write_atomically(self._layout.vanished, json.dumps(journal.vanished(self._layout)).encode())
        for path in (self._layout.journal, self._layout.journal_being_saved):
            path.unlink(missing_ok=True)


def _config(listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config
