"""One local cloud for the whole end-to-end run, and this repository's own release promoted into it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.host.home import Home
from pipeline.model.environment import Instance
from pipeline.model.ledger import Entry
from pipeline.settings import load_environments
from pipeline.stores.ledger import Ledger
from pipeline.targets.account import Account
from pipeline.targets.target import LocalTarget

REPOSITORY = Path(__file__).resolve().parents[2]
_DEADLINE_SECONDS = 1500


@dataclass(frozen=True)
class World:
    """A user's machine with this repository on it: commands, ledger and emulated accounts of its own.

    Attributes:
        home: Its `.tollgate`.
        project: The checkout that is promoted.
    """

    home: Path
    project: Path = REPOSITORY

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one verb as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "TOLLGATE_HOME": str(self.home), "TOLLGATE_PROJECT": str(self.project)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tollgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=_DEADLINE_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def succeed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb that must succeed."""
        result = self.tollgate(*arguments)
        assert result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}"
        return result

    def status(self) -> dict[str, dict[str, Any]]:
        """Return `status --json` by instance."""
        rows = json.loads(self.succeed("status", "--json").stdout)["instances"]
        return {row["instance"]: row for row in rows}

    def cloud(self) -> list[dict[str, Any]]:
        """Return `cloud status --json`."""
        rows: list[dict[str, Any]] = json.loads(self.succeed("cloud", "status", "--json").stdout)
        return rows

    def entries(self) -> tuple[Entry, ...]:
        """Return the ledger."""
        return Ledger(self.home / "ledger.git").entries()

    def account(self, environment: str) -> Account:
        """Return an environment's emulated account."""
        environments = load_environments(REPOSITORY / "environments")
        return LocalTarget(tuple(environments), Home(self.home)).account(environments.named(environment))

    def outputs(self, instance: Instance) -> dict[str, str]:
        """Return the outputs of an instance's stack, as its state has them."""
        account = self.account(instance.environment)
        key = f"{instance.environment}/{instance.suffix}/terraform.tfstate"
        body = account.client("s3").get_object(Bucket=f"tollgate-state-{account.account_id}", Key=key)["Body"]
        return {name: str(output["value"]) for name, output in json.loads(body.read())["outputs"].items()}

    def endpoint(self, environment: str, *flags: str) -> dict[str, str]:
        """Return what `key` prints: the URL and the API key."""
        printed = self.succeed("key", environment, *flags, "--show").stdout
        return dict(line.split("=", 1) for line in printed.splitlines())


@dataclass(frozen=True)
class Deployed:
    """The deployed API of one instance.

    Attributes:
        url: How every call begins, stage included.
        api_key: A key that its usage plan knows.
        outputs: The stack's outputs.
        account: The account it lives in.
    """

    url: str
    api_key: str
    outputs: dict[str, str]
    account: Account

    def boto3(self, service: str) -> Any:
        """Return a boto3 client of the account."""
        return self.account.client(service)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A machine on which nothing was ever promoted."""
    found = World(tmp_path_factory.mktemp("world") / "home")
    yield found
    found.tollgate("cloud", "reset")


@pytest.fixture(scope="session")
def promoted(world: World) -> subprocess.CompletedProcess[str]:
    """The first promotion: what it printed once dev and staging run and prod waits."""
    return world.succeed("promote", "--allow-dirty")


@pytest.fixture(scope="session")
def deployed_dev(world: World, promoted: subprocess.CompletedProcess[str]) -> Deployed:
    """The API that runs in dev."""
    endpoint = world.endpoint("dev")
    return Deployed(
        endpoint["url"], endpoint["api_key"], world.outputs(Instance("dev", "dev")), world.account("dev")
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the end of the story last: it destroys what every other test here needs."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
