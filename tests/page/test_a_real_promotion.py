"""What happens to a small project, seen on the page: it waits, is approved, breaks, goes back, and is held."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.console import progress
from pipeline.context import Context
from pipeline.page.build import build_page
from pipeline.page.gather import gather, seen_before
from tests.browser import TakePictures
from tests.pipeline.tiny_project import TinyProject

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyProject]:
    """A tiny project with a local cloud of its own."""
    made = TinyProject.make(tmp_path_factory.mktemp("seen"))
    yield made
    made.close()


def page(project: TinyProject) -> dict[str, Any]:
    """The page as data, made in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOLLGATE_PROJECT", str(project.root))
        patch.setenv("TOLLGATE_HOME", str(project.home))
        patch.delenv("TOLLGATE_TARGET", raising=False)
        made = dataclasses.asdict(build_page(gather(Context.open(progress()), seen_before())))
    found: dict[str, Any] = json.loads(json.dumps(made))
    return found


def card(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One card of the board."""
    cards = [each for column in found["board"]["columns"] for each in column["cards"]]
    card: dict[str, Any] = next(each for each in cards if each["name"] == name)
    return card


def marks(found: dict[str, Any], name: str) -> list[str]:
    """What nobody may overlook about an instance."""
    return [mark["word"] for mark in card(found, name)["marks"]]


def test_the_page_tells_what_happens(project: TinyProject, tmp_path: Path) -> None:
    """Waiting, approved, degraded, rolled back and held are on the page as they are in the ledger."""
    project.succeed("promote")
    found = page(project)
    waits = found["change_sets"][0]
    first = card(found, "dev")["release"]
    assert (card(found, "prod")["state"], waits["waits"], waits["place"]) == ("waiting", True, "prod")
    assert card(found, "prod")["change_set"] == waits["digest"]
    assert waits["tree"]["marks"] == ["2 create"]
    assert found["verification"]["problems"] == []

    other = project.tollgate("approve", "prod", "--change-set", "0123456789ab", "--reason", "x")
    assert other.returncode == 3
    assert f"is change set {waits['digest'][7:19]}, not 0123456789ab" in other.stderr
    seen = ["--change-set", waits["digest"][7:19]]
    project.succeed("approve", "prod", *seen, "--reason", "let it <b>go</b>", "--go")
    found = page(project)
    assert (card(found, "prod")["state"], card(found, "prod")["release"]) == ("deployed", first)
    applied = next(each for each in found["change_sets"] if each["digest"] == waits["digest"])
    assert any("let it <b>go</b>" in said for _, said in applied["decisions"])
    story = next(each for each in found["stories"] if each["digest"] == first)
    assert sorted(story["runs_in"]) == ["dev", "prod"]
    assert {proof["passed"] for proof in story["proofs"]} == {True}

    project.write("value.txt", "two")
    project.service.status = 500
    broken = project.tollgate("promote", GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    assert broken.returncode != 0
    assert broken.stderr.rstrip().splitlines()[-1].startswith("next:")
    assert "error" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    found = page(project)
    assert card(found, "dev")["state"] == "degraded"
    assert marks(found, "dev") == ["degraded"]
    assert found["figures"][2]["name"] == "failure rate"
    assert dict(found["figures"][2]["values"])["dev"] == "50% (1 of 2)"

    project.service.status = 200
    project.succeed("rollback", "dev", "--reason", "500 on everything")
    found = page(project)
    assert card(found, "dev")["release"] == first
    assert "held" in marks(found, "dev")
    assert found["verification"]["problems"] == []
    assert any(row["sentence"].startswith("the rollback of release") for row in found["history"])
    project.succeed("page", "--out", str(tmp_path / "site"))
    assert "let it &lt;b&gt;go" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")

    shown = project.succeed("show", waits["digest"][7:19])
    assert shown.startswith(f"Change set {waits['digest'][7:19]} for prod")
    assert "What became of it" in shown
    assert "rollback" in project.succeed("history", "dev")


def test_the_page_tells_what_nobody_may_overlook(project: TinyProject, picture: TakePictures) -> None:
    """A yes that is not used yet, drift and a broken glass are on the page as the runs before it left them."""
    project.succeed("unhold", "dev", "--reason", "mended")
    project.meddle("dev")
    assert project.tollgate("drift", "dev").returncode == 4
    found = page(project)
    assert (card(found, "dev")["state"], marks(found, "dev")) == ("drifted", ["drifted"])
    project.succeed("heal", "dev")
    assert marks(page(project), "dev") == []

    project.write("value.txt", "three")
    project.succeed("promote")
    project.succeed("approve", "prod", "--reason", "read it")
    found = page(project)
    assert found["change_sets"][0]["approved"].startswith("approved by ")
    assert found["change_sets"][0]["approved"].endswith("; `nox -s promote` applies it")
    project.succeed("promote")
    assert card(page(project), "prod")["change_set"] is None

    project.write("value.txt", "four")
    project.succeed("hold", "prod", "--reason", "quiet please")
    project.tollgate("promote")
    project.succeed("break-glass", "prod", "--reason", "the till is down")
    found = page(project)
    assert marks(found, "prod") == ["glass broken", "held"]
    assert "the till is down" in card(found, "prod")["marks"][0]["sentence"]
    picture(project.succeed, **{"glass-broken": "#board"})
    assert found["verification"]["problems"] == []
