"""docs/deploy.md says of the workflows what they are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.meta.repository import ROOT, tables

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEPLOY = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """A workflow, with `on` under its own name."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else name: value for name, value in found.items()}


def _own_jobs(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [job for job in workflow["jobs"].values() if "permissions" in job]


def table(title: str) -> dict[str, list[str]]:
    """The rows of the table whose first column has this title, by their first cell."""
    rows = tables(DEPLOY[DEPLOY.index(f"| {title} |") :])[0]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_variable_is_told() -> None:
    """What has to be set is what a workflow reads."""
    used = {name for path in WORKFLOWS for name in re.findall(r"vars\.([A-Z_]+)", path.read_text())}

    assert set(table("variable")) == used


def test_every_environment_is_told() -> None:
    """The environments to make are those that jobs run in; reviewers stand before prod."""
    used = {
        job["environment"]
        for path in WORKFLOWS
        for job in read(path)["jobs"].values()
        if "environment" in job
    }
    told = table("environment")

    assert set(told) == used - {"${{ inputs.environment }}"}
    assert {name for name, row in told.items() if row[1] != "none"} == {"prod"}


def test_the_soaks_are_the_wait_timers() -> None:
    """What a release has to wait for by its gates, GitHub waits for."""
    for name in ("staging", "prod"):
        settings = (ROOT / "environments" / f"{name}.toml").read_text(encoding="utf-8")
        soak = re.search(r"^soak-minutes = (\d+)", settings, re.MULTILINE)
        assert soak is not None
        assert table("environment")[name][0].startswith(f"{soak[1]} minutes")


def test_every_job_of_a_push_is_told_in_its_order() -> None:
    """The table of the first push is the workflow's jobs."""
    jobs = read(ROOT / ".github/workflows/release.yml")["jobs"]

    assert list(table("job")) == list(jobs)
    assert "id-token" not in jobs["build"]["permissions"]
    assert set(jobs["build"]["permissions"].values()) == {"read"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_gives_nothing_away(path: Path) -> None:
    """Nothing starts it with more rights than whoever caused it, and only jobs of main know who they are."""
    workflow = read(path)

    assert workflow["permissions"] == {}
    assert not {"pull_request_target", "workflow_run"} & set(workflow["on"])
    if "pull_request" in workflow["on"]:
        assert all("id-token" not in job["permissions"] for job in _own_jobs(workflow))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_only_what_changes_nothing_is_cancelled(path: Path) -> None:
    """A job that may write to an account queues and is never cancelled."""
    workflow = read(path)
    for name, job in workflow["jobs"].items():
        if job.get("permissions", {}).get("id-token") == "write" and "environment" in job:
            assert job["concurrency"]["cancel-in-progress"] is False, name
            assert job["concurrency"]["queue"] == "max", name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_whatever_writes_the_ledger_is_followed_by_the_page(path: Path) -> None:
    """After each job that may record something the page is written anew, even where that job failed."""
    jobs = read(path)["jobs"]
    pages = {name: job for name, job in jobs.items() if job.get("uses") == "$/.github/workflows/page.yml"}
    writers = {name for name, job in jobs.items() if job["permissions"].get("contents") == "write"}
    followed = {before for page in pages for before in _all_before(page, jobs)}

    assert writers <= followed
    for name, job in pages.items():
        assert "!cancelled()" in job["if"], name
        assert job["permissions"] == {"contents": "read", "packages": "read"}, name


def _all_before(name: str, jobs: dict[str, Any]) -> set[str]:
    needs = jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(_all_before(each, jobs) for each in direct))


def test_the_page_is_written_without_a_role() -> None:
    """It is read from the ledger and the registry, so its job can neither become somebody nor write anything."""
    (job,) = read(ROOT / ".github/workflows/page.yml")["jobs"].values()

    assert job["permissions"] == {"contents": "read", "packages": "read"}
    assert job["steps"][0]["with"]["fetch-depth"] == 0


def test_what_is_signed_is_the_commit_that_was_built() -> None:
    """The job that signs a preview checks out the commit that the job before it gives, not the branch once more."""
    jobs = read(ROOT / ".github/workflows/preview.yml")["jobs"]
    (candidate,) = (
        step for step in jobs["deploy"]["steps"] if step.get("with", {}).get("path") == "candidate"
    )

    assert candidate["with"]["ref"] == "${{ needs.build.outputs.commit }}"


def test_a_way_back_waits_for_no_reviewer_of_another_run() -> None:
    """A run that waits for its reviewers holds its queue: going back and letting go on have one of their own."""
    queues = {
        name: job["concurrency"]["group"]
        for name, job in read(ROOT / ".github/workflows/operate.yml")["jobs"].items()
        if "concurrency" in job
    }

    assert queues["rollback"] == queues["unhold"] == "operate-${{ inputs.environment }}"
    assert queues["witness"] == "${{ inputs.environment }}"
