"""The lock of this machine: who holds it, who is waited for, and that a dead owner holds nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.host import machine
from pipeline.host.lock import LockHeldError, Owner, hold, is_held, last_owner
from pipeline.host.machine import Machine
from pipeline.model.errors import TollgateError

_ROOT = Path(__file__).resolve().parents[2]
_HOLDER = """
import subprocess, sys
from pathlib import Path
from pipeline.host import machine
from pipeline.host.lock import hold

with hold(Path(sys.argv[1]), "promoting abc") as descriptor:
    if len(sys.argv) > 2:
        child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[3]],
                                 pass_fds=[descriptor], stdout=subprocess.DEVNULL, start_new_session=True)
    print("held", flush=True)
    sys.stdin.readline()
"""

_SURVIVOR = """
import sys, time
from pathlib import Path

until = time.monotonic() + 300
while not Path(sys.argv[1]).exists() and time.monotonic() < until:
    time.sleep(0.05)
"""

_LOOKER = """
import sys
from pathlib import Path
from pipeline.host import machine
from pipeline.host.lock import is_held

print("looking", flush=True)
while True:
    is_held(Path(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock file is, or will be."""
    return tmp_path / "dev.lock"


@contextmanager
def _holder(path: Path, *survivor: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, perhaps with a child that shares it."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), *survivor],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_free_lock_is_taken_and_given_back(path: Path) -> None:
    """While the block runs the lock is held, afterwards it is free again."""
    assert not is_held(path)
    with hold(path, "a test"):
        assert is_held(path)
    assert not is_held(path)
    with hold(path, "again"):
        assert is_held(path)


def test_it_is_given_back_after_an_error(path: Path) -> None:
    """An error in the block frees the lock."""
    with pytest.raises(ValueError, match="broken"), hold(path, "a test"):
        raise ValueError("broken")
    assert not is_held(path)


def test_a_living_holder_is_named(path: Path) -> None:
    """Who is refused reads who holds it, on which machine, in which process, since when and for what."""
    with _holder(path) as holder:
        owner = last_owner(path)
        with pytest.raises(LockHeldError, match="held by") as refused, hold(path, "me too"):
            pytest.fail("two hold one lock")

    assert owner is not None
    me = Owner.me("")
    assert (owner.pid, owner.user, owner.host, owner.what) == (holder.pid, me.user, me.host, "promoting abc")
    assert refused.value.message == (
        f"held by {me.user} on {me.host} (process {holder.pid}) since {owner.since}: promoting abc"
    )
    assert refused.value.hint == "wait until it ends, then run the same command again"


def test_a_living_holder_can_be_waited_for(path: Path) -> None:
    """With patience, whoever waits is told once for whom, and gets the lock when it is free."""
    told: list[str] = []
    with _holder(path) as holder:

        def release(text: str) -> None:
            told.append(text)
            assert holder.stdin is not None
            holder.stdin.write("go\n")
            holder.stdin.flush()

        with hold(path, "me too", wait_seconds=120, on_wait=release):
            owner = last_owner(path)

    assert owner is not None
    assert owner.pid == os.getpid()
    assert len(told) == 1
    assert told[0].startswith("waiting for ")
    assert told[0].endswith(": promoting abc")


def test_a_killed_holder_holds_nothing(path: Path) -> None:
    """After `kill -9` of its owner the lock is free at once, whatever its file still says."""
    with _holder(path) as holder:
        holder.kill()
        holder.wait(30)
        owner = last_owner(path)
        with hold(path, "me"):
            pass

    assert owner is not None
    assert owner.pid == holder.pid
    assert owner.is_provably_dead


def test_the_surviving_child_of_a_killed_holder_is_waited_for(path: Path, tmp_path: Path) -> None:
    """A Terraform that outlives its pipeline keeps the lock; the next run waits for it, without being asked to."""
    told: list[str] = []
    end = tmp_path / "end"

    def let_it_end(text: str) -> None:
        told.append(text)
        end.touch()

    with _holder(path, _SURVIVOR, str(end)) as holder:
        holder.kill()
        holder.wait(30)
        assert is_held(path)
        with hold(path, "the next run", on_wait=let_it_end):
            pass

    assert told == ["a Terraform process of a killed run is still at work; waiting for it to end"]


def test_a_look_refuses_nobody(path: Path) -> None:
    """Somebody who only looks whether a lock is held does not keep another one from taking it."""
    path.touch()
    looker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _LOOKER,
            str(path),
        ],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert looker.stdout is not None
        looker.stdout.readline()
        for _ in range(5):
            with hold(path, "a test"):
                pass
    finally:
        looker.kill()
        looker.communicate()


@pytest.mark.parametrize("content", ["", "nonsense", "{}", "[]", '{"pid": "x"}', "[" * 100_000, "null"])
def test_a_lock_file_without_an_owner_is_free(path: Path, content: str) -> None:
    """What the file says never holds anything: only the kernel's lock does."""
    path.write_text(content)

    assert last_owner(path) is None
    assert not is_held(path)
    with hold(path, "a test"):
        owner = last_owner(path)
    assert owner is not None
    assert owner.what == "a test"


def test_without_a_file_nobody_ever_held_it(path: Path) -> None:
    """Where there is no lock file, there is no owner, and looking makes none."""
    assert last_owner(path) is None
    assert not is_held(path)
    assert not path.exists()


def test_a_lock_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A missing folder is named."""
    with (
        pytest.raises(TollgateError, match=r"the lock file .*nowhere/x.lock cannot be opened"),
        hold(tmp_path / "nowhere" / "x.lock", "a test"),
    ):
        pytest.fail("held without a file")


# --- owners


def test_an_owner_is_read_back_from_its_record() -> None:
    """What a lock names is the owner that took it."""
    me = Owner.me("promoting")

    assert Owner.from_json(me.to_json()) == me
    assert not me.is_provably_dead


def test_a_process_that_is_gone_is_dead() -> None:
    """A process that has ended is proven dead."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pid = child.pid
    gone = replace(Owner.me("x"), pid=pid)

    assert gone.is_provably_dead


def test_a_process_that_nobody_buried_is_dead() -> None:
    """A killed process whose parent does not ask for it keeps its number and does nothing any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        unburied = replace(Owner.me("x"), pid=child.pid)

        assert unburied.is_provably_dead


def test_a_reused_process_number_is_another_process() -> None:
    """The same number with another start is somebody else, so the owner is dead."""
    reused = replace(Owner.me("x"), process_started=Owner.me("x").process_started - 100)

    assert reused.is_provably_dead


def test_a_living_process_survives_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process began is told by a clock that nobody sets: put the one on the wall forward, it is the same."""
    me = Owner.me("x")
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 0.0)

    assert not me.is_provably_dead
    assert Owner.me("x").process_started == me.process_started


@pytest.mark.parametrize(
    "elsewhere",
    [{"boot": "another"}, {"namespace": "pid:[1]"}, {"installation": "", "boot": "another"}],
    ids=["a clone", "another container", "a machine without a number"],
)
def test_a_hosts_name_proves_nothing(elsewhere: dict[str, Any]) -> None:
    """Machines and containers of one name are told apart; an owner that cannot be seen is never taken for dead."""
    changes: dict[str, Any] = {"pid": 2**22 + 1, "installation": "another"} | elsewhere
    there = replace(Owner.me("x"), **changes)

    assert there.host == Owner.me("x").host
    assert not there.is_on_this_host
    assert not there.is_provably_dead


@pytest.mark.parametrize(("namespace", "dead"), [("pid:[4026531836]", True), ("pid:[4026532000]", False)])
def test_everything_is_dead_that_ran_before_the_machine_was_started_again(
    monkeypatch: pytest.MonkeyPatch, namespace: str, dead: bool
) -> None:
    """The same machine under another start of its kernel; of a container nobody can tell whose image it shared."""
    here = Machine("number", "second start", namespace)
    monkeypatch.setattr(machine, "this_machine", lambda: here)
    before = replace(Owner.me("x"), installation="number", boot="first start", namespace=namespace)

    assert before.is_provably_dead == dead


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "1"},
        {"pid": -1},
        {"pid": 0},
        {"pid": None},
        {"process_started": "now"},
        {"user": 5},
        {"extra": 1},
    ],
)
def test_a_record_that_is_none_names_nobody(change: dict[str, Any]) -> None:
    """A record of the wrong shape is nobody's, rather than an error in the middle of a promotion."""
    record = json.dumps(json.loads(Owner.me("x").to_json()) | change)

    assert Owner.from_json(record) is None
