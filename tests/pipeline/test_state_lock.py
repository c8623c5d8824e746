"""Terraform's own lock is removed by itself only where nobody on any machine can hold it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.context import Context
from pipeline.deploy.state import State
from pipeline.deploy.workspace import StateLockedError, Workspace
from pipeline.host.lock import Owner
from pipeline.model.errors import TollgateError
from pipeline.state_lock import past_a_dead_lock

_BREAK_IT = "nox -s break_lock -- dev --suffix pr-1 --reason TEXT"


class _Scene:
    """An instance whose state is locked, once, by somebody."""

    def __init__(self, who: str, *at_work: int) -> None:
        self.who, self.at_work = who, at_work
        self.unlocked: list[str] = []
        self.said: list[str] = []

    def attempt(self) -> str:
        """Need the state."""
        if self.unlocked:
            return "done"
        raise StateLockedError("terraform plan", ["it is locked"], "lock-1", self.who, "noon")

    def run(self, attempt: Callable[[], str] | None = None) -> str:
        """Do what needs the state."""
        progress = SimpleNamespace(note=lambda _, text: self.said.append(text))
        return past_a_dead_lock(
            cast("Context", SimpleNamespace(progress=progress)),
            cast(
                "State",
                SimpleNamespace(place="dev/pr-1", unlock=_BREAK_IT, terraforms_at_work=lambda: self.at_work),
            ),
            cast("Workspace", SimpleNamespace(force_unlock=self.unlocked.append)),
            attempt or self.attempt,
        )


def _me() -> str:
    me = Owner.me("")
    return f"{me.user}@{me.host}"


def test_what_is_not_locked_is_just_done() -> None:
    """Without a lock nobody asks who holds it."""
    scene = _Scene("nobody")

    assert scene.run(lambda: "done") == "done"
    assert scene.unlocked == []


def test_the_lock_of_a_terraform_that_died_here_is_removed_and_said() -> None:
    """Held by this machine's user while none of their Terraforms works on that state: its holder is dead."""
    scene = _Scene(_me())

    assert scene.run() == "done"
    assert scene.unlocked == ["lock-1"]
    assert scene.said == ["removing the state lock of a Terraform that died here"]


@pytest.mark.parametrize(
    ("scene", "sentence"),
    [
        (_Scene(_me(), 41, 42), r"where Terraform is at work \(process 41, 42\)"),
        (_Scene("ann@build-7"), "the state of dev/pr-1 is locked by ann@build-7 since noon"),
    ],
    ids=["lives here", "perhaps elsewhere"],
)
def test_a_lock_whose_holder_may_live_is_respected(scene: _Scene, sentence: str) -> None:
    """The one next step is to wait, or a person's word."""
    with pytest.raises(TollgateError, match=sentence) as refused:
        scene.run()

    assert scene.unlocked == []
    assert refused.value.hint == f"wait until it ends; if it never will, `{_BREAK_IT}`"
