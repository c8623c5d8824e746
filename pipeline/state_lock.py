"""Terraform's own lock on an instance's state: removed by itself only where its holder is provably dead."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.context import Context
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.workspace import StateLockedError, Workspace
from pipeline.host import lock
from pipeline.model.environment import Instance
from pipeline.model.errors import TollgateError

T = TypeVar("T")


def past_a_dead_lock(
    context: Context,
    instance: Instance,
    bucket: StateBucket,
    workspace: Workspace,
    attempt: Callable[[], T],
) -> T:
    """Do what needs the state; where a dead Terraform left its lock on it, remove that first.

    Args:
        context: The project.
        instance: Whose state it is; held by us alone.
        bucket: Where it is.
        workspace: A workspace of the instance.
        attempt: What needs the state; repeating it is harmless.

    Raises:
        TollgateError: The lock's holder may live.
    """
    try:
        return attempt()
    except StateLockedError as error:
        _insist_on_death(instance, bucket, error)
        context.progress.note(str(instance), "removing the state lock of a Terraform that died here")
        workspace.force_unlock(error.lock_id)
        return attempt()


def _insist_on_death(instance: Instance, bucket: StateBucket, error: StateLockedError) -> None:
    """Refuse unless the lock is of this machine and user, and no Terraform here can be its holder."""
    me = lock.Owner.me("")
    if error.who != f"{me.user}@{me.host}":
        message = f"the state of {instance} is locked by {error.who}"
    elif alive := bucket.terraforms_at_work(instance):
        processes = ", ".join(str(pid) for pid in alive)
        message = f"the state of {instance} is locked by {error.who}, where Terraform is at work (process {processes})"
    else:
        return
    suffix = "" if instance.is_main else f" --suffix {instance.suffix}"
    break_it = f"nox -s break_lock -- {instance.environment}{suffix} --reason TEXT"
    raise TollgateError(message, f"wait until it ends; if it never will, `{break_it}`") from error
