"""What git says of a checkout: commit, subject, author, and whether the files are the commit's."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.build.source import Source, people_since, read_source, source_at


def _git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ann Author", "-c", "user.email=ann@localhost", "-c", "commit.gpgsign=false"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments],
        env=kept,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout of one commit."""
    root = tmp_path / "checkout"
    root.mkdir()
    _git(root, "init", "--quiet")
    (root / "file").write_text("one")
    (root / ".gitignore").write_text("ignored\n")
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "-m", "Say one\n\nAnd why.")
    return root


def test_a_clean_checkout_is_its_commit(root: Path) -> None:
    """The commit, the first line of its message and its author's name are known, and nothing is dirty."""
    commit = _git(root, "rev-parse", "HEAD")

    assert read_source(root) == Source(commit, "Say one", "Ann Author", dirty=False)


@pytest.mark.parametrize(("name", "dirty"), [("file", True), ("new", True), ("ignored", False)])
def test_a_file_that_no_commit_holds_makes_it_dirty(root: Path, name: str, dirty: bool) -> None:
    """Changed and new files count, ignored ones do not."""
    (root / name).write_text("two")

    assert read_source(root).dirty is dirty


def test_staged_is_not_committed(root: Path) -> None:
    """What is only staged is in no commit."""
    (root / "file").write_text("two")
    _git(root, "add", "file")

    assert read_source(root).dirty


def test_a_commit_without_a_message_has_an_author(root: Path) -> None:
    """Where nothing was said, the author is not taken for the subject."""
    (root / "file").write_text("two")
    _git(root, "commit", "--quiet", "--all", "--allow-empty-message", "-m", "")

    source = read_source(root)
    assert (source.subject, source.author) == (None, "Ann Author")


@pytest.mark.parametrize("where", ["outside", "below"])
def test_without_a_checkout_of_its_own_nobody_can_tell(root: Path, tmp_path: Path, where: str) -> None:
    """A folder that git does not know, or that lies in somebody else's checkout, has no commit and is dirty."""
    folder = root / "inner" if where == "below" else tmp_path / "plain"
    folder.mkdir()

    assert read_source(folder) == Source(None, None, None, dirty=True)


def test_a_checkout_without_a_commit_is_dirty(tmp_path: Path) -> None:
    """Before the first commit there is nothing to name."""
    _git(tmp_path, "init", "--quiet")

    assert read_source(tmp_path) == Source(None, None, None, dirty=True)


def test_without_git_nobody_can_tell(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git builds, and says that the source is unknown."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert read_source(root) == Source(None, None, None, dirty=True)


def test_a_hooks_variables_do_not_matter(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by a git hook, which points git elsewhere, the checkout at hand is still the one that is read."""
    commit = _git(root, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert read_source(root).commit == commit


def test_a_commit_that_something_was_built_from_is_found(root: Path) -> None:
    """Another commit than the one checked out is told as it is, and its people are those up to it."""
    built = _git(root, "rev-parse", "HEAD")
    (root / "file").write_text("two")
    _git(root, "-c", "user.name=Bob", "commit", "--quiet", "-am", "Say two")

    assert source_at(root, built, dirty=False) == Source(built, "Say one", "Ann Author", dirty=False)
    assert "Bob" in people_since(root, None)
    assert "Bob" not in people_since(root, None, built)


@pytest.mark.parametrize("commit", ["0" * 40, "HEAD~5", "no such thing"])
def test_a_commit_that_is_not_here_is_not_made_up(root: Path, commit: str) -> None:
    """Where the checkout lacks a commit, nobody can tell who wrote it."""
    assert source_at(root, commit, dirty=False) is None
