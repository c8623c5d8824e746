"""What a newcomer does next: the following release, the way back from it, the proof of it all, and the end."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.model.canonical import canonical_bytes
from tests.browser import TakePictures
from tests.e2e.conftest import REPOSITORY, World

pytestmark = [pytest.mark.cloud, pytest.mark.last]
"""Last, because the other tests here expect the first release in every environment."""


@pytest.fixture(scope="session")
def following(
    world: World, promoted: subprocess.CompletedProcess[str], tmp_path_factory: pytest.TempPathFactory
) -> World:
    """Another checkout on the same machine, with a commit that changes the function's code."""
    clone = tmp_path_factory.mktemp("following") / "tollgate"
    git = ["git", "-c", "user.name=Ada Moreau", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "clone", "--quiet", str(REPOSITORY), str(clone)], check=True, timeout=300)
    code = clone / "app" / "payments" / "__init__.py"
    code.write_text(f"{code.read_text()}\n# The following release.\n")
    subprocess.run([*git, "-C", str(clone), "commit", "-qam", "Say more"], check=True, timeout=60)
    return World(world.home, project=clone)


def test_the_following_release_goes_the_same_way(
    world: World, following: World, picture: TakePictures
) -> None:
    """It is built and checked once, replaces nothing that holds data, and after an approval runs everywhere."""
    first = world.status()["prod"]["release"]
    following.succeed("promote")
    rows = world.status()
    assert [rows[name]["state"] for name in ("dev", "staging", "prod")] == ["deployed", "deployed", "waiting"]
    shown = world.succeed("show", rows["prod"]["waiting"]).stdout
    assert "aws_lambda_function" in shown
    picture(following.succeed, **{"board": "#board", "change-set": ".ask"})

    following.succeed("approve", "prod", "--reason", "it says more", "--go")

    rows = world.status()
    (second,) = {rows[name]["release"] for name in ("dev", "staging", "prod")}
    assert second != first


def test_prod_goes_back_and_is_held_there(world: World, following: World, picture: TakePictures) -> None:
    """A rollback shows its change set, needs what prod needs, and nothing rolls forward again by itself."""
    second = world.status()["prod"]["release"]
    world.succeed("rollback", "prod", "--reason", "it says too much")
    assert world.status()["prod"]["release"] == second
    world.succeed("approve", "prod", "--reason", "the first one was quieter", "--go")

    row = world.status()["prod"]
    assert row["release"] != second
    assert [block["gate"] for block in row["blocks"]] == ["hold"]
    assert "it says too much" in row["blocks"][0]["sentence"]
    picture(following.succeed, held="#board", figures="#figures")
    following.succeed("promote")
    assert world.status()["prod"]["release"] == row["release"]

    world.succeed("unhold", "prod", "--reason", "we know why")
    assert [block["gate"] for block in world.status()["prod"]["blocks"]] == ["ready"]


@dataclass(frozen=True)
class Copy:
    """A copy of ledger and releases, as an auditor takes it away."""

    ledger: Path
    store: Path

    def verify(self, world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Ask whether all of it holds."""
        where = ("--ledger", str(self.ledger), "--store", str(self.store))
        return world.tollgate("verify", *arguments, *where)

    def git(self, *arguments: str) -> str:
        """Run git in the ledger."""
        command = ["git", f"--git-dir={self.ledger}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def copy(world: World, following: World, tmp_path: Path) -> Copy:
    """Such a copy, of everything that has happened so far."""
    taken = Copy(tmp_path / "ledger.git", tmp_path / "releases")
    shutil.copytree(world.home / "ledger.git", taken.ledger)
    shutil.copytree(world.home / "releases", taken.store)
    return taken


def test_all_of_it_is_shown_offline_from_a_copy(world: World, copy: Copy) -> None:
    """With no account running, the copy tells which release ran where, and who approved which change."""
    newest = world.entries()[-1]
    world.succeed("cloud", "down")
    try:
        told = copy.verify(world, "--json", "--contains", f"{newest.number}:{newest.digest}")
    finally:
        world.succeed("cloud", "up")

    assert told.returncode == 0, told.stdout + told.stderr
    document = json.loads(told.stdout)
    assert document["anchored"]
    assert len(document["releases"]) == 2
    approved = [
        approval["reason"]
        for release in document["releases"]
        for promotion in release["promotions"]
        for approval in promotion["approved"]
    ]
    assert {"the table is out of the way", "it says more", "the first one was quieter"} <= set(approved)


def _alter_a_blob(copy: Copy) -> None:
    largest = max((copy.store / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)


def _lose_a_release(copy: Copy) -> None:
    shutil.rmtree(copy.store / "blobs")


def _cut_the_end(copy: Copy) -> None:
    copy.git("update-ref", "refs/heads/tollgate-ledger", "refs/heads/tollgate-ledger~1")


def _rewrite_an_entry(copy: Copy) -> None:
    """Write the newest entry's envelope again, with a payload that says something else."""
    envelope = json.loads(copy.git("show", "tollgate-ledger:entry.dsse.json"))
    envelope["payload"] = envelope["payload"][:-8] + "AAAA" + envelope["payload"][-4:]
    changed = copy.ledger.parent / "entry.dsse.json"
    changed.write_bytes(canonical_bytes(envelope))
    blob = copy.git("hash-object", "-w", str(changed))
    tree = copy.git("ls-tree", "tollgate-ledger").splitlines()
    lines = [
        f"100644 blob {blob}\tentry.dsse.json" if line.endswith("\tentry.dsse.json") else line
        for line in tree
    ]
    made = subprocess.run(
        ["git", f"--git-dir={copy.ledger}", "mktree"],
        input="\n".join(lines) + "\n",
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    who = ("-c", "user.name=mallory", "-c", "user.email=mallory@example.com")
    commit = copy.git(*who, "commit-tree", made, "-p", "tollgate-ledger~1", "-m", "nothing to see")
    copy.git("update-ref", "refs/heads/tollgate-ledger", commit)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_alter_a_blob, "FORGED"),
        (_lose_a_release, "MISSING"),
        (_cut_the_end, "lacks entry"),
        (_rewrite_an_entry, "its signature is not by the key"),
    ],
)
def test_what_was_tampered_with_is_named(
    world: World, copy: Copy, attack: Callable[[Copy], None], reason: str
) -> None:
    """Whatever is changed in the copy, it does not verify any more, and the reason is given."""
    newest = world.entries()[-1]
    attack(copy)
    told = copy.verify(world, "--contains", f"{newest.number}:{newest.digest}")

    assert told.returncode == 1
    assert reason in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


def test_destroying_everything_leaves_nothing(world: World, following: World) -> None:
    """Dev and staging go at once, prod after an approval of its change set; no resource is left in any account."""
    world.succeed("destroy", "dev")
    world.succeed("destroy", "staging")
    asked = world.succeed("destroy", "prod")
    assert "to delete" in asked.stdout
    world.succeed("approve", "prod", "--reason", "the story ends", "--go")

    assert {row["state"] for row in world.status().values()} == {"empty"}
    for environment in ("dev", "staging", "prod"):
        account = world.account(environment)
        assert account.client("dynamodb").list_tables()["TableNames"] == []
        assert account.client("lambda").list_functions()["Functions"] == []
        assert account.client("apigateway").get_rest_apis()["items"] == []
        assert [bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]] == [
            f"tollgate-state-{account.account_id}"
        ]
