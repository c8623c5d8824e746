"""A push to the local origin: checked before it is accepted, promoted afterwards, queued where one is under way."""

import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.host import lock
from pipeline.model.history import read_history
from pipeline.model.kinds import Kind, Outcome
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())
_PATIENCE_SECONDS = 600
_GATE = "environments/prod.toml"
_ENVIRONMENTS = ("dev", "staging", "prod")


class Pusher:
    """Somebody who works in the tiny project's clone, with real git."""

    def __init__(self, tiny: TinyProject) -> None:
        self.tiny = tiny
        self._good = {name: (tiny.root / name).read_text() for name in ("check.py", "synth.py", _GATE)}
        self.git("init", "--quiet", "--initial-branch=main")
        tiny.write(".gitignore", ".tollgate/\n__pycache__/\n")
        self.git("config", "user.name", "Ann Author")
        self.git("config", "user.email", "ann@localhost")

    @property
    def origin(self) -> Path:
        """The repository that is pushed to."""
        return self.tiny.home / "origin.git"

    @property
    def main(self) -> str:
        """The commit that the origin's branch names; empty before the first push."""
        return self.git(
            "rev-parse", "--verify", "--quiet", "main", at=self.origin, check=False
        ).stdout.strip()

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the variables of a shell that knows nothing of Tollgate."""
        hidden = ("TOLLGATE_", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | extra

    def git(
        self,
        *arguments: str,
        at: Path | None = None,
        check: bool = True,
        more: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run git to its end; `more` are variables of the pusher's shell."""
        result = subprocess.run(
            ["git", *arguments],
            cwd=at or self.tiny.root,
            env=self.environment(**(more or {})),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        assert not check or result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}"
        return result

    def commit(self, subject: str, **files: str) -> str:
        """Commit a new value, and a check, a synthesis and a gate as they were, or those given; return the commit."""
        for name, content in {"value.txt": next(_values), **self._good, **files}.items():
            self.tiny.write(name, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *arguments: str, **more: str) -> str:
        """Push, which must succeed, and return what the pusher reads."""
        return self.git("push", "local", *(arguments or ("main",)), more=more).stderr

    def refused(self, *arguments: str, **more: str) -> str:
        """Push, which must be refused and move nothing, and return what the pusher reads."""
        before = self.main, self.tiny.entries()
        result = self.git("push", "local", *(arguments or ("main",)), check=False, more=more)
        assert result.returncode != 0
        assert "pre-receive hook declined" in result.stderr
        assert (self.main, self.tiny.entries()) == before
        return result.stderr

    def start_push(self, remote: str = "local", *, at: Path | None = None) -> subprocess.Popen[str]:
        """Start a push in a process group of its own, as a shell does."""
        return subprocess.Popen(
            ["git", "push", remote, "main"],
            cwd=at or self.tiny.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def candidates(self) -> list[str]:
        """Return the commits that were ever wanted, oldest first."""
        return [entry.body["commit"] for entry in self.tiny.entries() if entry.kind is Kind.CANDIDATE]

    def deployed(self, environment: str) -> str | None:
        """Return the release that runs in an environment."""
        release: str | None = self.tiny.status()[environment]["release"]
        return release

    def wanted(self) -> str | None:
        """Return the release that is wanted."""
        candidate = read_history(self.tiny.entries()).candidate
        return candidate.release if candidate else None

    @property
    def queue(self) -> Path:
        """The lock that is held while a push is being promoted."""
        return self.tiny.home / "locks" / "push.lock"

    @contextmanager
    def dev_is_held(self) -> Iterator[None]:
        """Be somebody else who is at work in dev."""
        with lock.hold(self.tiny.home / "locks" / "local.dev.lock", "testing", wait_seconds=60):
            yield


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyProject]:
    """A tiny project with as many environments as a real one."""
    project = TinyProject.make(tmp_path_factory.mktemp("tiny"), _ENVIRONMENTS)
    yield project
    project.close()


@pytest.fixture(scope="module")
def pusher(tiny: TinyProject) -> Pusher:
    """A clone with an origin."""
    pusher = Pusher(tiny)
    tiny.succeed("origin")
    return pusher


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for what must come to be, however slow the machine is."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it never came to be that {what}"
        time.sleep(0.1)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read what a push says up to a line that holds `words`."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


def hook_of(push: subprocess.Popen[str], name: str) -> psutil.Process:
    """Return the process of a hook that a push has started."""
    for process in psutil.Process(push.pid).children(recursive=True):
        if process.cmdline()[1:] == ["-m", "pipeline", "hook", name]:
            return process
    raise AssertionError(name)


def test_a_push_is_checked_promoted_and_waits_for_prod(pusher: Pusher, tmp_path: Path) -> None:
    """Built once and checked once, dev and staging run that commit; prod waits until it is approved in the clone."""
    traces = {"synth.py": tmp_path / "built", "check.py": tmp_path / "checked"}
    files = {
        name: f"{(pusher.tiny.root / name).read_text()}\nopen({str(trace)!r}, 'a').write('once ')\n"
        for name, trace in traces.items()
    }
    commit = pusher.commit("Begin", **files)

    said = pusher.push()

    assert re.search(r"remote: build +release +ok", said)
    assert re.search(r"remote: build +checks +ok .* unit passed *$", said, re.MULTILINE)
    assert f"promoting {commit[:12]} Begin" in said
    assert re.search(r"remote: build +checks +ok .* unit passed before", said)
    assert [trace.read_text() for trace in traces.values()] == ["once ", "once "]
    assert pusher.main == commit
    rows = pusher.tiny.status()
    assert [rows[name]["state"] for name in _ENVIRONMENTS] == ["deployed", "deployed", "waiting"]
    candidate = [entry for entry in pusher.tiny.entries() if entry.kind is Kind.CANDIDATE][-1]
    assert (candidate.body["commit"], candidate.body["dirty"]) == (commit, False)
    assert candidate.by == "Ann Author"
    pusher.tiny.succeed("approve", "prod", "--reason", "seen", "--go")
    assert {pusher.deployed(name) for name in _ENVIRONMENTS} == {candidate.body["release"]}


def test_a_push_that_edits_its_own_gate_opens_nothing(pusher: Pusher) -> None:
    """It is promoted under the settings that the ledger pins: the pusher is told, and prod waits as before."""
    gate = (pusher.tiny.root / _GATE).read_text()
    pusher.commit("Open the gate", **{_GATE: gate.replace("approvals = 1", "approvals = 0")})

    said = pusher.push()

    assert f"{_GATE} differs" in said
    rows = pusher.tiny.status()
    assert (rows["dev"]["state"], rows["prod"]["state"]) == ("deployed", "waiting")
    assert pusher.tiny.entries()[-1].kind is Kind.SHOWN


def test_a_failing_check_refuses_the_push_with_its_last_words(pusher: Pusher) -> None:
    """The pusher reads why, the branch does not move, and nothing is recorded as wanted."""
    pusher.commit("Break", **{"check.py": "raise SystemExit('1 failed: the total is 3, not 4')\n"})

    said = pusher.refused()

    assert "the check unit failed" in said
    assert "1 failed: the total is 3, not 4" in said


def test_a_release_that_cannot_be_built_refuses_the_push(pusher: Pusher) -> None:
    """What synthesis says reaches the pusher."""
    pusher.commit("Break", **{"synth.py": "raise SystemExit('no such construct')\n"})

    assert "no such construct" in pusher.refused()


def test_a_check_sees_the_commit_and_no_credentials(pusher: Pusher) -> None:
    """Files that are not committed are not there, and neither are the pusher's keys."""
    spy = (
        "import os, pathlib\n"
        "found = [name for name in os.environ if 'AWS' in name or 'TOKEN' in name or 'GIT' in name]\n"
        "found += [str(path) for path in pathlib.Path('.').glob('*.draft')]\n"
        "raise SystemExit(', '.join(['seen', *found]))\n"
    )
    pusher.commit("Spy", **{"check.py": spy})
    draft = pusher.tiny.root / "notes.draft"
    draft.write_text("not committed")
    try:
        said = pusher.refused("main", AWS_SECRET_ACCESS_KEY="s3cret", GITHUB_TOKEN="s3cret")
    finally:
        draft.unlink()

    assert re.search(r"remote: +seen *$", said, re.MULTILINE), said


def test_another_branch_is_taken_and_not_promoted(pusher: Pusher) -> None:
    """Only main is promoted; the pusher is told."""
    before = pusher.tiny.entries()
    pusher.git("switch", "--quiet", "--create", "topic")
    pusher.commit("Try", **{"check.py": "raise SystemExit(1)\n"})

    said = pusher.push("topic")

    assert "topic is taken as it is: only main is promoted" in said
    assert pusher.tiny.entries() == before
    pusher.git("switch", "--quiet", "main")


def test_main_is_neither_deleted_nor_rewritten(pusher: Pusher) -> None:
    """What was promoted from stays: the two pushes that would lose it are refused, each with a sentence."""
    assert "main is what is promoted from here, so it is not deleted" in pusher.refused("--delete", "main")
    pusher.git("reset", "--quiet", "--hard", pusher.main)
    pusher.git("commit", "--quiet", "--amend", "--message", "Rewrite")
    assert "main would lose commits that were pushed before" in pusher.refused("--force", "main")
    pusher.git("reset", "--quiet", "--hard", pusher.main)


def test_a_second_push_queues_and_the_newest_is_promoted(pusher: Pusher) -> None:
    """While one push is promoted others queue without waiting, the newest goes next, the one between never does.

    The first pusher has left by Ctrl-C meanwhile, and nobody need be there for any of it.
    """
    with pusher.dev_is_held():
        first = pusher.commit("First")
        push = pusher.start_push()
        read_until(push, "waiting: dev is held")
        os.killpg(push.pid, signal.SIGINT)
        push.communicate(timeout=_PATIENCE_SECONDS)

        second = pusher.commit("Second")
        said = pusher.push()
        third = pusher.commit("Third")
        pusher.push()

        assert f"{second[:12]} Second is queued behind" in said
        assert f"promoting push {first[:12]}" in said
        assert pusher.candidates()[-1] == first
    until(lambda: pusher.candidates()[-1] == third, "the newest push is wanted")
    until(lambda: not lock.is_held(pusher.queue), "the queue is empty")

    assert pusher.candidates()[-2:] == [first, third]
    assert pusher.deployed("dev") == pusher.wanted()


def test_a_killed_promotion_is_finished_by_the_next_push(pusher: Pusher) -> None:
    """A promotion killed in the middle of its apply is told to the pusher, and whoever pushes next finishes it.

    The next push comes from another clone, for the hooks run the pipeline of the one that made them. Its post-receive
    is killed, for the promotion is a process of its own.
    """
    pusher.commit("Kill it")
    before = len(pusher.tiny.entries())

    said = pusher.push(TOLLGATE_KILL_AT="applying")

    assert "was killed" in said
    assert "the next push finishes it, and so does `nox -s promote`" in said
    assert pusher.tiny.entries()[-1].kind is Kind.START
    clone = pusher.tiny.home / "elsewhere"
    pusher.git("clone", "--quiet", str(pusher.origin), str(clone))
    (clone / "value.txt").write_text(next(_values))
    who = ["-c", "user.name=Bob", "-c", "user.email=bob@localhost"]
    pusher.git(*who, "commit", "--quiet", "--all", "--message", "From elsewhere", at=clone)
    with pusher.dev_is_held():
        push = pusher.start_push("origin", at=clone)
        read_until(push, "waiting: dev is held")
        hook_of(push, "post-receive").kill()
        push.communicate(timeout=_PATIENCE_SECONDS)
        assert lock.is_held(pusher.queue)
    until(lambda: not lock.is_held(pusher.queue), "the promotion has ended")

    ends = [entry.body["outcome"] for entry in pusher.tiny.entries()[before:] if entry.kind is Kind.END]
    assert ends[-1] == Outcome.SUCCEEDED
    assert pusher.candidates()[-1] == pusher.main
    assert pusher.deployed("dev") == pusher.wanted()
    pusher.git("pull", "--quiet", "local", "main")


def test_without_its_python_a_hook_says_what_to_do(pusher: Pusher) -> None:
    """Where the clone's environment is gone, a push is refused in a sentence."""
    hook = pusher.origin / "hooks" / "pre-receive"
    text = hook.read_text()
    hook.write_text(re.sub(r"^python=.*$", 'python="$here"/no/such', text, flags=re.MULTILINE))
    pusher.commit("Too early")
    try:
        said = pusher.refused()
    finally:
        hook.write_text(text)

    assert "the Python of the clone is gone" in said
    assert "run `nox -s origin` in the clone" in said


def test_nothing_is_left_of_a_push(pusher: Pusher) -> None:
    """No checkout, no plan and no note of a release is left of what was promoted or refused."""
    assert list((pusher.tiny.home / "work").iterdir()) == []
    assert list((pusher.tiny.home / "pushes").iterdir()) == []


def test_a_promotion_that_fails_is_told_and_the_push_stays(pusher: Pusher) -> None:
    """What was accepted is accepted; the failure reaches the pusher and the ledger."""
    commit = pusher.commit("Fail")
    pusher.tiny.service.status = 500
    try:
        said = pusher.push()
    finally:
        pusher.tiny.service.status = 200

    assert "GET /health answered 500, expected 200" in said
    assert pusher.main == commit
    assert pusher.tiny.status()["dev"]["state"] == "degraded"
