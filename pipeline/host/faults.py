"""Named points at which a test may kill the pipeline, to prove that the next run finishes the job.

`TOLLGATE_KILL_AT=<point>` makes this process end as if by `kill -9` when it gets there, `<point>:3` when it gets
there for the third time; with `TOLLGATE_KILL_ALL=1` the programs that it runs at that moment go first, as in a power
cut. Nothing else reads these.
"""

import itertools
import os
import signal

from pipeline.host.process import kill_running

POINTS = (
    "release-built",
    "candidate-recorded",
    "verified",
    "bootstrap-planned",
    "bootstrap-applying",
    "bootstrap-applied",
    "locked",
    "initialised",
    "adopting",
    "planning",
    "planned",
    "shown",
    "anchored",
    "started",
    "applying",
    "half-applied",
    "applied-unsaved",
    "applied",
    "smoked",
    "proven",
    "ledger-pushed",
    "ended",
)

_TURNS = itertools.count(1)


def reached(point: str) -> None:
    """Say that the pipeline is at `point`."""
    wanted, _, turn = os.environ.get("TOLLGATE_KILL_AT", "").partition(":")
    if wanted == point and next(_TURNS) == int(turn or 1):
        if os.environ.get("TOLLGATE_KILL_ALL"):
            kill_running()
        os.kill(os.getpid(), signal.SIGKILL)
