"""`tollgate origin`: made once, brought up to date ever after, and never put over what is somebody else's."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.model.errors import RefusedError, TollgateError, UsageError
from pipeline.origin.hooks import Clone
from pipeline.origin.repository import Origin, make_origin


def git(folder: Path, *arguments: str) -> str:
    """Run git without anybody's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone whose path has a space and a quote in it."""
    root = tmp_path / "Ann's clone"
    root.mkdir()
    git(root, "init", "--quiet")
    python = Path(sys.executable)
    return Clone(root, root / ".tollgate", tmp_path, python, python, "local")


@pytest.fixture
def origin(clone: Clone) -> Origin:
    """Where its origin is to be."""
    return Origin(clone.home / "origin.git")


def made(origin: Origin, clone: Clone) -> list[str]:
    """Make the origin and return what was said."""
    said: list[str] = []
    make_origin(origin, clone, said.append)
    return said


def test_it_makes_repository_hooks_and_remote(origin: Origin, clone: Clone) -> None:
    """A bare repository with two hooks is made and named to the clone as `local`."""
    assert made(origin, clone) == [
        f"made the bare repository {origin.path}",
        "wrote the hook pre-receive",
        "wrote the hook post-receive",
        "added it as the remote local",
    ]
    assert git(clone.root, "remote", "get-url", "local") == str(origin.path)
    assert all(os.access(origin.path / "hooks" / name, os.X_OK) for name in ("pre-receive", "post-receive"))
    assert origin.main is None


def test_run_again_it_changes_nothing(origin: Origin, clone: Clone) -> None:
    """The second run says that all is as it should be."""
    made(origin, clone)

    assert made(origin, clone) == [
        f"{origin.path} is there",
        "the hook pre-receive is up to date",
        "the hook post-receive is up to date",
        "the remote local is up to date",
    ]


def test_run_again_it_updates_an_older_hook(origin: Origin, clone: Clone) -> None:
    """A hook of ours that was changed is written anew."""
    made(origin, clone)
    hook = origin.path / "hooks" / "pre-receive"
    hook.write_text(hook.read_text() + "exit 0\n")

    assert "updated the hook pre-receive" in made(origin, clone)
    assert not hook.read_text().endswith("exit 0\n")


def test_hooks_name_nothing_by_its_path_on_this_machine(origin: Origin, clone: Clone) -> None:
    """Clone and origin can be moved together."""
    made(origin, clone)

    assert str(clone.root.parent) not in (origin.path / "hooks" / "post-receive").read_text()


def _no_repository(origin: Origin, clone: Clone) -> None:
    (clone.root / ".git").rename(clone.root / "elsewhere")


def _other_remote(origin: Origin, clone: Clone) -> None:
    git(clone.root, "remote", "add", "local", "https://example.com/x.git")


def _other_folder(origin: Origin, clone: Clone) -> None:
    origin.path.mkdir(parents=True)
    (origin.path / "thesis.txt").write_text("mine")


def _other_hook(origin: Origin, clone: Clone) -> None:
    made(origin, clone)
    (origin.path / "hooks" / "post-receive").write_text("#!/bin/sh\nmail -s pushed ann\n")


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (_no_repository, UsageError, "is not a git repository, so nothing can be pushed from it"),
        (_other_remote, RefusedError, "has a remote 'local' already, and it is https://example.com/x.git"),
        (_other_folder, RefusedError, "is there, and is no bare git repository"),
        (_other_hook, RefusedError, "is a hook of somebody else's"),
    ],
)
def test_what_is_somebody_elses_stays(
    origin: Origin,
    clone: Clone,
    spoil: Callable[[Origin, Clone], None],
    error: type[TollgateError],
    says: str,
) -> None:
    """Where something else is in the way, nothing is overwritten, and the sentence says what it is."""
    spoil(origin, clone)
    files = {path: path.read_bytes() for path in clone.root.rglob("*") if path.is_file()}

    with pytest.raises(error, match=says) as refused:
        made(origin, clone)

    assert refused.value.hint
    assert {path: path.read_bytes() for path in clone.root.rglob("*") if path.is_file()} == files


def test_an_old_git_is_named(
    origin: Origin, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that cannot leave a person's settings alone is refused, with the version that is needed."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho git version 2.25.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))

    with pytest.raises(TollgateError, match=r"needs git 2\.32 or newer; the one on PATH says .*2\.25\.1"):
        made(origin, clone)


@pytest.mark.parametrize("stdin", ["", "hello\n"])
def test_a_hook_run_by_hand_says_so(origin: Origin, clone: Clone, stdin: str) -> None:
    """Whoever runs a hook is told that git does that."""
    repository = Path(__file__).resolve().parents[2]
    clone = Clone(clone.root, clone.home, repository, clone.python, clone.policies_python, "local")
    made(origin, clone)
    variables = {"PATH": os.environ["PATH"]} | ({"GIT_DIR": str(origin.path)} if stdin else {})

    run = subprocess.run(
        [origin.path / "hooks" / "pre-receive"],
        input=stdin,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 2
    assert "this is a hook: git runs it when somebody pushes" in run.stderr
