"""Destroy an instance: a change set like any other, approved where changes need a person, and proven to be gone."""

from pipeline.ask import Wish
from pipeline.carry import Report, carry
from pipeline.context import Context
from pipeline.model.environment import Environment, instance_of
from pipeline.model.errors import RefusedError
from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry


def destroy(context: Context, environment: Environment, suffix: str | None) -> Report:
    """Destroy everything an instance consists of, or show what waits for an approval.

    Raises:
        RefusedError: There is nothing to destroy.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    last = last_release(context.history().of(instance))
    if last is None:
        message = f"{instance} is empty; there is nothing to destroy"
        raise RefusedError(message, "`nox -s status` says what runs where")
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    release = context.release(str(last.body["release"]))
    return carry(context, environment, instance, release, Wish(), Operation.DESTROY, ask_cloud=True)


def last_release(history: InstanceHistory) -> Entry | None:
    """Return the entry that names the release whose stack describes what may be there."""
    if history.open_start is not None:
        return history.open_start
    if history.is_degraded:
        return history.last_end
    return history.deployed
