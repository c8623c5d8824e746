"""Stop accounts' processes: only those that are provably ours, and gently first."""

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
        _, alive = psutil.wait_procs(processes, timeout=patience)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=_FIRM_SECONDS)


def _children(server: psutil.Process) -> list[psutil.Process]:
    """Return the workers in which an account's functions run."""
    try:
        return server.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
