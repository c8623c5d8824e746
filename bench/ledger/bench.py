"""How a long ledger weighs: `status` with 10,000 entries beside 100, and `verify` of both.

    python bench/ledger/bench.py [--json FILE]

The ledgers are real: signed entries, git, and a release with its evidence for every eight entries. Processor time is
compared, not the clock on the wall, so that other programs do not count. Exit status 1 if `status` takes more than
twice as long, or if `verify` takes more time for an entry of the long ledger than for one of a ledger a tenth as long.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.pipeline.signed_world import World

STATUS_LIMIT = 2.0
VERIFY_LIMIT = 1.5
_SHORT, _MIDDLE, _LONG = 100, 1_000, 10_000
_RUNS = 3


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(World.make(Path(scratch)))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        print(f"{name:32} {value}")
    return int(result["status_ratio"] > STATUS_LIMIT or result["verify_ratio_per_entry"] > VERIFY_LIMIT)


def measure(world: World) -> dict[str, Any]:
    """Write ledgers of each length and look at them as a user does."""
    status: dict[int, float] = {}
    verify: dict[int, float] = {}
    rows = world.grown(_LONG)
    for length in (_SHORT, _MIDDLE, _LONG):
        world.write(rows[:length])
        _forget(world)
        first = _verb(world, "status")  # verifies everything and remembers it
        status[length] = min(_verb(world, "status") for _ in range(_RUNS))
        started = time.process_time()
        found = world.verify()
        verify[length] = time.process_time() - started
        assert found.problems == (), found.problems
    return {
        "status_100_seconds": round(status[_SHORT], 2),
        "status_10000_seconds": round(status[_LONG], 2),
        "status_first_look_seconds": round(first, 2),
        "status_ratio": round(status[_LONG] / status[_SHORT], 2),
        "verify_1000_seconds": round(verify[_MIDDLE], 2),
        "verify_10000_seconds": round(verify[_LONG], 2),
        "verify_ratio_per_entry": round(verify[_LONG] / verify[_MIDDLE] * _MIDDLE / _LONG, 2),
    }


def _forget(world: World) -> None:
    for path in (world.folder / "ledger.verified").glob("*"):
        path.unlink()


def _verb(world: World, verb: str) -> float:
    """Run a verb of the command; return the seconds of processor time that it and its children took."""
    homes = {"TOLLGATE_HOME": str(world.folder), "TOLLGATE_PROJECT": str(world.folder / "project")}
    before = _children()
    subprocess.run(
        [sys.executable, "-m", "pipeline", verb, "--json"],
        check=True,
        capture_output=True,
        env=os.environ | homes,
    )
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
