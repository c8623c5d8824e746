"""Remove, by a person's word, the locks of a run that no longer is: on another machine nobody else can tell."""

from pipeline.context import Context
from pipeline.deploy.state_bucket import StateBucket
from pipeline.host import lock
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import RefusedError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.waiting import reason_given


def break_lock(context: Context, environment: Environment, instance: Instance, reason: str) -> Entry:
    """Record whose lock is broken and why, then remove it: ours and Terraform's.

    Raises:
        LockHeldError: A run of this checkout is at work there.
        RefusedError: Nothing is locked there, or the owner lives on this machine.
        UsageError: No reason is given.
        TollgateError: The account cannot be reached.
    """
    why = reason_given(reason)

    def say(text: str) -> None:
        context.progress.note(str(instance), text)

    context.target.prepare(lambda text: context.progress.note("cloud", text))
    account = context.target.account(environment)
    account.insist_on_identity()
    bucket = StateBucket(account)
    path = context.home.locks / f"{context.target.name}.{instance.file_stem}.lock"
    try:
        with lock.hold(path, "breaking its lock", on_wait=say):
            found = bucket.locks(instance)
            if not found:
                message = f"no lock is on {instance}"
                raise RefusedError(message, "`nox -s status` says what stands in the way there")
            living = [each.owner for each in found if each.is_alive_here]
            living += [f"Terraform, process {pid}" for pid in bucket.state(instance).terraforms_at_work()]
            if living:
                message = f"the owner of the lock on {instance} lives on this machine: {'; '.join(living)}"
                raise RefusedError(message, "wait until it ends, or end it; then the next run takes over")
            owners = "; ".join(dict.fromkeys(each.owner for each in found))
            body = {"environment": instance.environment, "suffix": instance.suffix}
            body |= {"owner": owners, "reason": why}
            entry = context.record(Kind.BREAK_LOCK, body, context.history().head)
            for each in found:
                bucket.remove(each)
            return entry
    except lock.LockHeldError as error:
        message = f"{instance} is held: {error.message}"
        raise lock.LockHeldError(message, error.hint) from None
