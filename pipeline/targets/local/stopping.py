"""Stop accounts' processes: only those that are provably ours, and gently first."""

import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from pipeline.targets.local.layout import Layout
from pipeline.targets.local.liveness import serving_process

_PATIENCE_SECONDS = 30.0
_FIRM_SECONDS = 5.0


def stop(layouts: Sequence[Layout], patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """End the processes that serve `layouts`, where there are any, and wait until they are gone.

    Each saves its state first; one that does not end in time is killed, which leaves its account unclean.
    """
    servers = [process for layout in layouts if (process := serving_process(layout))]
    functions = [child for server in servers for child in _children(server)]
    for processes, patience in ((servers, patience_seconds), (functions, _FIRM_SECONDS)):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in _still_there(processes, patience):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _still_there(processes, _FIRM_SECONDS)


def _still_there(processes: Sequence[psutil.Process], patience_seconds: float) -> list[psutil.Process]:
    """Wait for `processes` to end and return those that did not in time.

    One that has ended and only waits for its parent to notice has ended.
    """
    until = time.monotonic() + patience_seconds
    while (alive := [process for process in processes if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(server: psutil.Process) -> list[psutil.Process]:
    """Return the workers in which an account's functions run."""
    try:
        return server.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
