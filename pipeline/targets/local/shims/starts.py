"""A burst of requests starts a few workers at a time.

The emulator starts one for each request that finds none free, all at once. Fifty that start on two cores starve each
other and those that already work, until their time limit ends them: a burst that takes seconds on AWS takes minutes,
and some of it fails. Here what would start one too many waits until one has started or one is free, as on AWS, where
a request takes the first environment that is ready, whether or not it was started for it.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_SOON = 8
"""So many workers of a function start at once; after that, as many at once as there are cores."""

_PATIENCE_SECONDS = 120.0
"""After this long one more is started all the same: what keeps the others from starting may be waiting for it."""


def install() -> None:
    """Let what would start one worker too many wait."""
    acquire, release, spawn = (
        lambda_runtime.acquire_worker,
        lambda_runtime.release_worker,
        lambda_runtime.Worker._spawn,  # noqa: SLF001 (the one place where a worker starts)
    )
    changed = threading.Condition()

    def acquire_in_turn(name: str, config: Mapping[str, Any], code: bytes, qualifier: str = "$LATEST") -> Any:
        key = lambda_runtime._worker_key(name, config, qualifier)  # noqa: SLF001 (its own name of a pool)
        with changed:
            changed.wait_for(lambda: _may_go_on(key), _PATIENCE_SECONDS)
            return acquire(name, config, code, qualifier=qualifier)

    def release_and_tell(worker: Any) -> None:
        with changed:
            release(worker)
            changed.notify_all()

    def spawn_and_tell(worker: Any) -> None:
        try:
            spawn(worker)
        finally:
            with changed:
                changed.notify_all()

    lambda_svc.acquire_worker = acquire_in_turn
    lambda_svc.release_worker = release_and_tell
    lambda_runtime.Worker._spawn = spawn_and_tell  # noqa: SLF001 (as above)


def _may_go_on(key: str) -> bool:
    """Whether a worker of the function is free or one more may start."""
    pools = {name: list(pool) for name, pool in list(lambda_runtime._workers.items())}  # noqa: SLF001 (its pools)
    starting = sum(_is_starting(worker) for pool in pools.values() for worker in pool)
    pool = pools.get(key, [])
    there = sum(not _is_starting(worker) for worker in pool)
    return any(not worker.in_use for worker in pool) or starting < max(_SOON - there, os.cpu_count() or 1)


def _is_starting(worker: Any) -> bool:
    return worker.in_use and worker._start_time is None  # noqa: SLF001 (set when it has started)
