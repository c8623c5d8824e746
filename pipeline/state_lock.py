"""Terraform's own lock on an instance's state: removed by itself only where its holder is provably dead."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.context import Context
from pipeline.deploy.state import State
from pipeline.deploy.workspace import StateLockedError, Workspace
from pipeline.host import lock
from pipeline.model.errors import TollgateError

T = TypeVar("T")


def past_a_dead_lock(context: Context, state: State, workspace: Workspace, attempt: Callable[[], T]) -> T:
    """Do what needs the state; where a dead Terraform left its lock on it, remove that first.

    Args:
        context: The project.
        state: The state; we hold its promotion lock.
        workspace: A workspace that is connected with it.
        attempt: What needs the state; repeating it is harmless.

    Raises:
        TollgateError: The lock's holder may live.
    """
    try:
        return attempt()
    except StateLockedError as error:
        _insist_on_death(state, error)
        context.progress.note(state.place, "removing the state lock of a Terraform that died here")
        workspace.force_unlock(error.lock_id)
        return attempt()


def _insist_on_death(state: State, error: StateLockedError) -> None:
    """Refuse unless the lock is of this machine and user, and no Terraform here can be its holder.

    No Terraform of Tollgate's can be at work elsewhere while we hold the promotion lock, whatever the machines are
    called; the name keeps us from breaking the lock of one that somebody started by hand.
    """
    me = lock.Owner.me("")
    locked = f"the state of {state.place} is locked by {error.who} since {error.since}"
    if error.who != f"{me.user}@{me.host}":
        message = locked
    elif alive := state.terraforms_at_work():
        processes = ", ".join(str(pid) for pid in alive)
        message = f"{locked}, where Terraform is at work (process {processes})"
    else:
        return
    raise TollgateError(message, f"wait until it ends; if it never will, `{state.unlock}`") from error
