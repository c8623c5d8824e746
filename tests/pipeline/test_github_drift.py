"""The night on GitHub: what has drifted stands in one issue for each environment, which is closed when it is mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.fake_github import FakeGitHub
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """GitHub, as far as it is asked."""
    made = FakeGitHub()
    yield made
    made.close()


def test_one_issue_is_opened_kept_and_closed(tiny: TinyProject, github: FakeGitHub, tmp_path: Path) -> None:
    """Two nights with the same drift keep one issue with what differs; the night after it was healed closes it."""
    tiny.succeed("promote", "--to", "dev")
    summary = tmp_path / "summary.md"
    job = github.variables() | {"GITHUB_STEP_SUMMARY": str(summary)}
    assert "nothing runs in prod" in tiny.succeed("github", "drift", "prod", **job)
    assert "dev: no drift" in tiny.succeed("github", "drift", "dev", **job)
    assert github.items.get("issues") is None
    tiny.meddle("dev")

    found = tiny.succeed("github", "drift", "dev", **job)
    tiny.succeed("github", "drift", "dev", **job)

    assert "dev: changed behind the back of" in found
    (issue,) = github.items["issues"]
    assert (issue["title"], issue["state"]) == ("dev is not as its release says", "open")
    assert issue["body"].startswith("<!-- tollgate: drift dev -->\n`nox -s heal -- dev` puts it right")
    assert "terraform_data.first" in issue["body"]
    assert "terraform_data.first" in summary.read_text()
    tiny.succeed("heal", "dev")
    tiny.succeed("github", "drift", "dev", **job)
    (issue,) = github.items["issues"]
    assert issue["state"] == "closed"
