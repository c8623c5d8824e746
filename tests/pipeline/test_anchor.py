"""A shortened ledger in a fresh clone: what was noted beside the state gives it away before anything is done."""

import re
import shutil
from collections.abc import Iterator

import pytest

from pipeline.model.kinds import Kind
from pipeline.stores.git import BareRepository
from pipeline.stores.ledger import BRANCH
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform

_REF = f"refs/heads/{BRANCH}"


@pytest.fixture(scope="module")
def promoted(tiny: TinyProject) -> TinyProject:
    """A project in which `one` was killed in dev and finished, and `two` followed it everywhere."""
    tiny.killed_at("started", "promote", "--to", "dev")
    tiny.succeed("promote")
    tiny.succeed("approve", "prod", "--reason", "one is right", "--go")
    tiny.write("value.txt", "two")
    tiny.succeed("promote")
    tiny.succeed("approve", "prod", "--reason", "two is right", "--go")
    return tiny


@pytest.fixture(autouse=True)
def _undone(promoted: TinyProject) -> Iterator[None]:
    """Whatever is tried, nothing is applied; afterwards the ledger is whole again."""
    ledger = BareRepository(promoted.home / "ledger.git")
    whole = ledger.git("rev-parse", _REF).strip()
    serials = [promoted.serial(name) for name in ("dev", "prod")]
    yield
    ledger.git("update-ref", _REF, whole)
    _forget(promoted)
    assert [promoted.serial(name) for name in ("dev", "prod")] == serials


def _cut(project: TinyProject, kind: Kind, environment: str) -> int:
    """Let the ledger end with the first entry of a kind, as a clone sees it that remembers nothing."""
    number = next(
        entry.number
        for entry in project.entries()
        if entry.kind is kind and entry.body.get("environment") == environment
    )
    ledger = BareRepository(project.home / "ledger.git")
    commits = ledger.git("rev-list", "--reverse", _REF).split()
    ledger.git("update-ref", _REF, commits[number - 1])
    _forget(project)
    return number


def _forget(project: TinyProject) -> None:
    shutil.rmtree(project.home / "ledger.verified", ignore_errors=True)


def _refused(project: TinyProject, *arguments: str) -> None:
    """The verb says which entry is missing, noted beside which state, and starts nothing."""
    entries = project.entries()
    result = project.tollgate(*arguments)

    said = " ".join(result.stderr.split())
    assert result.returncode != 0, said
    missing = r"it does not hold entry \d+ \(sha256:\w{64}\), noted beside the state of dev"
    assert re.search(f"error: the ledger does not verify: {missing}", said), said
    assert {entry.kind for entry in project.entries()[len(entries) :]} <= {Kind.EVIDENCE, Kind.CANDIDATE}


def test_a_whole_ledger_is_taken_by_a_fresh_clone(promoted: TinyProject) -> None:
    """The control: who remembers nothing and is given everything goes on."""
    _forget(promoted)

    promoted.succeed("promote", "--check")


def test_a_run_that_was_finished_is_not_finished_again(promoted: TinyProject) -> None:
    """A ledger cut just behind an old start would have `one` applied over `two`, without anybody's word."""
    _cut(promoted, Kind.START, "dev")

    _refused(promoted, "promote", "--to", "dev")


def test_a_used_approval_does_not_come_back(promoted: TinyProject) -> None:
    """A ledger cut before the start that used it would have the approval count once more."""
    _cut(promoted, Kind.APPROVAL, "prod")

    _refused(promoted, "promote")


def test_another_entry_in_the_place_of_the_noted_one(promoted: TinyProject) -> None:
    """A ledger that grew again after it was cut has as many entries, and is another one."""
    noted = max(entry.number for entry in promoted.entries() if entry.kind is Kind.START) - 1
    number = _cut(promoted, Kind.END, "prod")
    verbs = ("hold", "unhold") * noted
    for verb in verbs[: noted - number + 2 - (noted - number) % 2]:
        promoted.succeed(verb, "prod", "--reason", "so that it is long again")
    assert len(promoted.entries()) > noted

    _refused(promoted, "promote")
