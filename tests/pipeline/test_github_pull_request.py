"""A pull request on GitHub: planned against dev, deployed as it was built while it is open, told in its comments."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.model.kinds import Kind, Operation
from pipeline.model.release import short
from tests.pipeline.fake_github import REPOSITORY, FakeGitHub
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform


@dataclass
class PullRequest:
    """Number 7, whose commit another job has built and checked; dev lets no change through without a person."""

    tiny: TinyProject
    github: FakeGitHub
    commit: str
    release: str
    prepared: Path

    def tollgate(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb as a job does."""
        return self.tiny.tollgate("github", verb, *arguments, **self.github.variables())

    def is_now(self, *, state: str = "open", sha: str | None = None, of: str = REPOSITORY) -> None:
        """Let GitHub say this of it."""
        head = {"sha": sha or self.commit, "repo": {"full_name": of}}
        self.github.answers["pulls/7"] = 200, json.dumps({"state": state, "head": head}).encode()


@pytest.fixture(scope="module")
def asked(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PullRequest]:
    """A pull request beside what runs in dev."""
    dev = (tiny.root / "environments/dev.toml").read_text()
    tiny.write("environments/dev.toml", dev.replace('"all-but-data-loss"', '"nothing"'))
    tiny.write(".gitignore", ".tollgate/\n")
    git(tiny, "init", "--quiet", "--initial-branch=main")
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message=one")
    tiny.succeed("promote", "--to", "dev")
    tiny.succeed("approve", "dev", "--reason", "the first one", "--go")
    tiny.write("value.txt", "two")
    git(tiny, "commit", "--quiet", "--all", "--message=two")
    folder = tmp_path_factory.mktemp("job")
    given = folder / "given"
    release = tiny.succeed(
        "github", "prepare", "--out", str(folder / "made"), GITHUB_OUTPUT=str(given)
    ).strip()
    commit = git(tiny, "rev-parse", "HEAD")
    assert given.read_text().splitlines() == [f"release={release}", f"commit={commit}"]
    github = FakeGitHub()
    yield PullRequest(tiny, github, commit, release, folder / "made")
    github.close()


def git(tiny: TinyProject, *arguments: str) -> str:
    """Run git in the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-c", "commit.gpgsign=false", "-c", "user.name=Bob", "-c", "user.email=bob@example.com"]
    done = subprocess.run(
        [*argv, *arguments], cwd=tiny.root, env=kept, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_its_release_is_planned_against_dev_and_nothing_is_offered(
    asked: PullRequest, tmp_path: Path
) -> None:
    """What it would change in dev is written down; the ledger has not one entry more, and nobody can approve it."""
    before = asked.tiny.entries()

    done = asked.tollgate(
        "plan-prepared", str(asked.prepared), "--env", "dev", "--out", str(tmp_path / "plan.md")
    )

    assert done.returncode == 0, done.stderr
    said = (tmp_path / "plan.md").read_text()
    assert f"Release `{short(asked.release)}`, as it would change `dev`" in said
    assert "terraform_data.first" in said
    assert "approve the job" not in said + done.stdout
    assert asked.tiny.entries() == before
    assert asked.tiny.status()["dev"]["state"] == "deployed"


def test_what_is_closed_moved_on_or_a_fork_s_is_not_deployed(asked: PullRequest, tmp_path: Path) -> None:
    """GitHub is asked again before anything is signed: what was built minutes ago may not be wanted any more."""
    before = asked.tiny.entries()
    wanted = (str(asked.prepared), "7", "--env", "dev", "--out", str(tmp_path / "preview.md"))
    said = []
    for now in ({"state": "closed"}, {"sha": "b" * 40}, {"of": "mallory/tiny"}):
        asked.is_now(**now)
        refused = asked.tollgate("preview", *wanted)
        assert refused.returncode == 3, now
        said.append(refused.stderr)

    assert "pull request #7 is closed: nothing of it is deployed" in said[0]
    assert f"pull request #7 is at bbbbbbbbbbbb now, and {asked.commit[:12]} was built" in said[1]
    assert "pull request #7 is of mallory/tiny: nothing of a fork is deployed" in said[2]
    assert asked.tiny.entries() == before
    asked.github.answers["pulls/7"] = 200, b'{"head": {"repo": {"full_name": "acme/tiny"}}}'
    unread = asked.tollgate("preview", *wanted)
    assert unread.returncode == 1
    assert "GitHub's answer about pull request #7 cannot be read: its state is" in unread.stderr


def test_one_that_waits_is_red_and_one_that_runs_says_where(asked: PullRequest, tmp_path: Path) -> None:
    """A job that deployed nothing is not green; after the approval it is, and the comment says where it answers."""
    asked.is_now()
    out = tmp_path / "preview.md"
    wanted = (str(asked.prepared), "7", "--env", "dev", "--out", str(out))

    waits = asked.tollgate("preview", *wanted)

    assert (waits.returncode, out.exists()) == (3, False), waits.stderr
    assert asked.tiny.entries()[-1].kind is Kind.SHOWN
    asked.tiny.succeed("approve", "dev", "--suffix", "pr-7", "--reason", "let it be seen", "--go")
    done = asked.tollgate("preview", *wanted)
    assert done.returncode == 0, done.stderr
    assert asked.tiny.status()["dev/pr-7"]["release"] == asked.release
    url = asked.tiny.service.url
    assert f"Commit `{asked.commit[:12]}` runs as `dev/pr-7`: " in out.read_text()
    assert url in out.read_text().replace("\\", "")


def test_its_end_is_well_where_there_is_none(asked: PullRequest) -> None:
    """Closing a pull request that never had a preview is no failure, and records nothing."""
    before = asked.tiny.entries()

    done = asked.tollgate("close-preview", "8", "--env", "dev")

    assert (done.returncode, done.stdout.strip()) == (0, "dev/pr-8 is empty; there is nothing to destroy")
    assert asked.tiny.entries() == before


def test_its_end_leaves_nothing(asked: PullRequest) -> None:
    """Closing a pull request destroys its preview, and asking for it again is well."""
    done = asked.tollgate("close-preview", "7", "--env", "dev")

    assert done.returncode == 0, done.stderr
    assert asked.tiny.entries()[-1].body["operation"] == Operation.DESTROY
    again = asked.tollgate("close-preview", "7", "--env", "dev")
    assert (again.returncode, "dev/pr-7 is empty" in again.stdout) == (0, True)


def test_two_comments_are_kept_apart(asked: PullRequest, tmp_path: Path) -> None:
    """What differs and what became of the preview are two comments; a part that a job did not write is said to lack."""
    differs, plan = tmp_path / "comment.md", tmp_path / "plan.md"
    differs.write_text("one block changed")
    plan.write_text("1 update")

    for _ in range(2):
        asked.tollgate("comment", "7", "--file", str(differs))
        said = asked.tollgate(
            "comment", "7", "--about", "preview", "--file", str(tmp_path / "preview.md"), "--file", str(plan)
        )
        assert said.returncode == 0, said.stderr
    first, second = (comment["body"] for comment in asked.github.items["issues/7/comments"])

    assert first == "<!-- tollgate: pull request -->\none block changed"
    assert second.startswith(
        "<!-- tollgate: preview -->\nThere is no preview: its job did not get that far, see "
    )
    assert "/acme/tiny/actions/runs/77" in second
    assert second.endswith("1 update")
    wrong = asked.tollgate("comment", "7", "--about", "nothing", "--file", str(plan))
    assert (wrong.returncode, "there is no comment about 'nothing'" in wrong.stderr) == (2, True)
