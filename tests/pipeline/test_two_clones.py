"""Two promoters on two clones with one remote ledger and the same accounts: one proceeds, the other says who."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.kinds import Kind, Outcome
from pipeline.stores.ledger import Ledger
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
ROUNDS = int(os.environ.get("TOLLGATE_ROUNDS", "3"))
"""How often they race; CONTRIBUTING.md says when it is more."""
ENOUGH = 20
"""In so many rounds they meet at least once; in three they may miss each other."""

_values = (f"race {number}" for number in itertools.count())


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[tuple[TinyProject, TinyProject, str]]:
    """Two checkouts of the tiny project that share accounts and keys, and a remote for their ledgers."""
    remote = tmp_path / "ledger-remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True, timeout=60)
    here = TinyProject.make(tmp_path / "here")
    here.succeed("promote", "--to", "dev", TOLLGATE_LEDGER_REMOTE=str(remote))
    there = TinyProject(tmp_path / "there", here.service)
    shutil.copytree(here.root, there.root, ignore=shutil.ignore_patterns(".tollgate"))
    there.home.mkdir(mode=0o700)
    for shared in ("cloud", "keys"):
        (there.home / shared).symlink_to(here.home / shared)
    yield here, there, str(remote)
    here.close()


def test_who_comes_second_says_who_is_first(clones: tuple[TinyProject, TinyProject, str]) -> None:
    """Whatever their timing, one release is started once, ends once, and both clones read the same ledger."""
    here, there, remote = clones
    refused = 0
    for _ in range(ROUNDS):
        value = next(_values)
        runs = []
        for clone in (here, there):
            clone.write("value.txt", value)
            runs.append(clone.start("promote", "--to", "dev", TOLLGATE_LEDGER_REMOTE=remote))
        ended = [(run.communicate(timeout=300), run.returncode) for run in runs]

        codes = sorted(code for _, code in ended)
        assert codes in ([0, 0], [0, 1]), ended
        for (_, stderr), code in ended:
            if code:
                refused += 1
                assert "dev is held: " in stderr, stderr
                assert "promoting " in stderr, stderr
        entries = Ledger(here.home / "ledger.git", remote).entries()
        assert entries == Ledger(there.home / "ledger.git", remote).entries()
        release = next(entry for entry in reversed(entries) if entry.kind is Kind.CANDIDATE).body["release"]
        mine = [entry for entry in entries if entry.body.get("release") == release]
        assert [entry.kind for entry in mine].count(Kind.CANDIDATE) == 1
        ends = [entry.body["outcome"] for entry in mine if entry.kind is Kind.END]
        assert ([entry.kind for entry in mine].count(Kind.START), ends) == (1, [Outcome.SUCCEEDED])
    assert refused or ROUNDS < ENOUGH, "they never met, so nothing was shown"
