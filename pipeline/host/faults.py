"""Named points at which a test may kill the pipeline, to prove that the next run finishes the job.

`TOLLGATE_KILL_AT=<point>` makes this process end as if by `kill -9` when it gets there. Nothing else reads it.
"""

import os
import signal

POINTS = (
    "release-built",
    "candidate-recorded",
    "locked",
    "initialised",
    "planned",
    "shown",
    "started",
    "applying",
    "applied",
    "smoked",
    "proven",
    "ended",
)


def reached(point: str) -> None:
    """Say that the pipeline is at `point`."""
    if os.environ.get("TOLLGATE_KILL_AT") == point:
        os.kill(os.getpid(), signal.SIGKILL)
