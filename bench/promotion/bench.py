"""What the pipeline adds to Terraform: one environment promoted, beside bare init, plan and apply by hand.

    python bench/promotion/bench.py [--json FILE] [--rounds N]

Both deploy the same release into the same emulated account, as instances beside each other, with the same provider
from the same cache. They take turns in going first, and the median of the rounds' ratios counts. From the promotion
the smoke checks and the second plan are left out, as bare Terraform has neither; so are building and its checks, which
happen once for a release and not once for each environment. Exit status 1 if the ratio is over the limit.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.context import Context
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.terraform_binary import clean_environment, cli_config
from pipeline.model.environment import Instance
from pipeline.model.release import LAMBDA_PACKAGE, PROVIDER_LOCK, stack_title
from pipeline.show.progress import Progress

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 1.10
_STEP = re.compile(r"^\S+ +(?P<what>.+?) +ok +(?P<seconds>[0-9.]+) s", re.MULTILINE)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TOLLGATE_HOME"] = str(Path(scratch) / "home")
        try:
            result = measure(Path(scratch), options.rounds)
        finally:
            tollgate("cloud", "reset")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        print(f"{name:28} {value}")
    return int(result["promotion_to_bare"] > LIMIT)


def measure(scratch: Path, rounds: int) -> dict[str, Any]:
    """Deploy by both, in turns, and compare; peak memory is that of the largest process below each verb."""
    synth = tollgate("synth", "--out", str(scratch / "out"))
    build = tollgate("build")
    digest = build.stdout.split()[-1]
    tollgate("cloud", "up")
    tollgate("bootstrap", "dev", "--yes")
    first = tollgate("promote", "--suffix", "warm-up")  # checks, plugin caches, byte code
    destroyed = tollgate("destroy", "dev", "--suffix", "warm-up")
    ours, bare, peak = [], [], 0
    for number in range(rounds):
        if number % 2:
            bare.append(bare_terraform(scratch, digest, f"bare-{number}"))
        run = tollgate("promote", "--suffix", f"ours-{number}")
        ours.append(run.seconds - seconds_apart(run))
        peak = max(peak, run.peak_mb)
        if not number % 2:
            bare.append(bare_terraform(scratch, digest, f"bare-{number}"))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return {
        "promotion_seconds": round(statistics.median(ours), 1),
        "bare_terraform_seconds": round(statistics.median(bare), 1),
        "promotion_to_bare": round(statistics.median(ratios), 3),
        "promotion_to_bare_of_each": " ".join(f"{ratio:.3f}" for ratio in ratios),
        "whole_first_run_seconds": round(first.seconds, 1),
        "peak_mb_synth": synth.peak_mb,
        "peak_mb_build": build.peak_mb,
        "peak_mb_promote": peak,
        "peak_mb_destroy": destroyed.peak_mb,
    }


class Run:
    """One verb, run to its end: how long it took, what it said, how much memory its largest process had."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            started = time.monotonic()
            command = [sys.executable, "-m", "pipeline", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - started
            self.peak_mb = round(usage.ru_maxrss / 1024)
            out.seek(0)
            err.seek(0)
            self.stdout, self.stderr = out.read(), err.read()
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{self.stderr}")


def tollgate(*arguments: str) -> Run:
    """Run one verb that must succeed."""
    return Run(arguments)


def seconds_apart(run: Run) -> float:
    """Return how long a promotion took for what bare Terraform does not do."""
    steps = {match["what"]: float(match["seconds"]) for match in _STEP.finditer(run.stderr)}
    return sum(steps[name] for name in ("release", "checks", "smoke", "second plan"))


def bare_terraform(scratch: Path, digest: str, suffix: str) -> float:
    """Return the seconds of `init`, `plan` and `apply` by hand, with the same provider cache and state bucket."""
    context = Context.open(Progress(Console(stderr=True)))
    release = context.store.load(digest)
    account = context.target.account(context.environments.named("dev"))
    folder = scratch / suffix
    folder.mkdir()
    (folder / "cdk.tf.json").write_bytes(context.store.read(release, stack_title("dev")))
    (folder / ".terraform.lock.hcl").write_bytes(context.store.read(release, PROVIDER_LOCK))
    (folder / "lambda.zip").write_bytes(context.store.read(release, LAMBDA_PACKAGE))
    config = scratch / "bare.rc"
    config.write_text(cli_config("5.100.0", context.home.cache / "providers"))
    bucket = StateBucket(account)
    settings = {
        "bucket": bucket.name,
        "key": bucket.state(Instance("dev", suffix)).key,
        "region": account.region,
        "use_lockfile": "true",
        "use_path_style": "true",
    }
    variables = {"environment_suffix": suffix, "account_id": account.account_id, "release": digest}
    flags = [f"-var={name}={value}" for name, value in variables.items()]
    commands = [
        [
            "init",
            "-lockfile=readonly",
            *(f"-backend-config={name}={value}" for name, value in settings.items()),
        ],
        ["plan", "-out=plan.bin", *flags],
        ["apply", "plan.bin"],
    ]
    environment = clean_environment([("TF_CLI_CONFIG_FILE", str(config)), *account.environment.items()])
    started = time.monotonic()
    for command in commands:
        subprocess.run(
            [*context.terraform.argv, *command],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
