"""How long the gate takes over three stacks, beside three runs of checkov that give the same answer.

    python bench/policies/bench.py [DIR] [--json FILE]

Run it where checkov is installed, from the repository's root. DIR is what `python -m infra.main --out DIR`
wrote; left out, `.venv` synthesizes it. Both sides are warm, and take turns. Exit status 1 if the ratio is
over the limit, 2 if the answers differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 0.35
ROUNDS = 5
# checkov's command line leaves these UNKNOWN wherever a document is a text; the gate opens it (gate/scan.py).
ONLY_THE_GATE_DECIDES = frozenset(f"CKV_AWS_{number}" for number in (169, 286, 287, 288, 289, 290, 355, 385))

Failures = dict[str, set[tuple[str, str]]]


def main() -> int:
    """Measure, compare the answers, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", metavar="DIR", type=Path, nargs="?")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options.directory or synthesized(Path(scratch)), Path(scratch))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        sys.stdout.write(f"{name:12} {value}\n")
    if result["differences"]:
        return 2
    return 0 if result["ratio"] <= LIMIT else 1


def synthesized(scratch: Path) -> Path:
    """The three stacks, by the environment that can synthesize."""
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, "-m", "infra.main", "--out", scratch / "out"], cwd=ROOT, check=True)
    return scratch / "out"


def measure(directory: Path, scratch: Path) -> dict[str, Any]:
    """Wall times of both sides, medians, and where their answers differ."""
    stacks = sorted((directory.resolve() / "stacks").glob("*/cdk.tf.json"))
    checks = own_checks_only(scratch)
    gate_times, checkov_times = [], []
    for number in range(ROUNDS + 1):
        gate_time, gate_answer = timed(lambda: by_gate(directory.resolve(), scratch / "report.json"))
        checkov_time, checkov_answer = timed(lambda: by_checkov(stacks, checks))
        if number:  # the first round warms both sides
            gate_times.append(gate_time)
            checkov_times.append(checkov_time)
    gate, checkov = statistics.median(gate_times), statistics.median(checkov_times)
    return {
        "gate_s": round(gate, 2),
        "checkov_s": round(checkov, 2),
        "ratio": round(gate / checkov, 3),
        "limit": LIMIT,
        "stacks": len(stacks),
        "failures": sum(len(failed) for failed in checkov_answer.values()),
        "differences": differences(gate_answer, checkov_answer),
    }


def timed(run: Any) -> tuple[float, Any]:
    """Wall time and answer of a run."""
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def by_gate(directory: Path, report: Path) -> Failures:
    """What fails, by the gate: one process, its own start-up included."""
    subprocess.run(
        [sys.executable, "-m", "policies", directory, "--json", report],
        cwd=ROOT,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    answer = json.loads(report.read_text(encoding="utf-8"))
    failures: Failures = {stack["name"]: set() for stack in answer["stacks"]}
    for finding in answer["findings"] + answer["waived"]:
        if finding["stack"] in failures and not finding["policy"].startswith("PAY_RELEASE_"):
            failures[finding["stack"]].add((finding["policy"], finding["address"].partition(".")[2]))
    return failures


def by_checkov(stacks: list[Path], checks: Path) -> Failures:
    """What fails, by one run of the command line for each stack, as a pipeline would call it."""
    failures: Failures = {}
    command: list[str | Path] = [
        Path(sys.executable).with_name("checkov"),
        "--framework",
        "terraform_json",
        "--skip-download",
    ]
    options: list[str | Path] = ["--external-checks-dir", checks, "--output", "json", "--compact", "--quiet"]
    for stack in stacks:
        result = subprocess.run(
            [*command, *options, "--file", stack],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
        )
        failed = json.loads(result.stdout)["results"]["failed_checks"]
        failures[stack.parent.name] = {(f["check_id"], f["resource"].partition(".")[2]) for f in failed}
    return failures


def own_checks_only(scratch: Path) -> Path:
    """A folder with our policies and nothing else: checkov would take every file of `policies/` for one."""
    folder = scratch / "checks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for path in (ROOT / "policies").glob("pay_*.py"):
        (folder / path.name).symlink_to(path)
    return folder


def differences(gate: Failures, checkov: Failures) -> list[str]:
    """Failures that only one side has, but for the checks that only the gate can decide."""
    found = []
    for stack in sorted(gate.keys() | checkov.keys()):
        ours = {failure for failure in gate.get(stack, set()) if failure[0] not in ONLY_THE_GATE_DECIDES}
        theirs = checkov.get(stack, set())
        found += [
            f"{stack}: only the gate refuses {name} by {check}" for check, name in sorted(ours - theirs)
        ]
        found += [f"{stack}: only checkov refuses {name} by {check}" for check, name in sorted(theirs - ours)]
    return found


if __name__ == "__main__":
    sys.exit(main())
