"""The verb that removes the lock of a run that no longer is."""

from rich.text import Text

from pipeline.break_lock import break_lock as breaking
from pipeline.cli.console import progress, results
from pipeline.cli.options import Env, Reason, Suffix, Target
from pipeline.context import Context
from pipeline.model.environment import instance_of


def break_lock(env: Env, reason: Reason, suffix: Suffix = None, target: Target = None) -> None:
    """Remove the lock that a run left which is gone, as far as you know; it is recorded."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    instance = instance_of(environment, suffix)
    entry = breaking(context, environment, instance, reason)
    sentence = f"the lock of {entry.body['owner']} on {instance} is removed (ledger entry {entry.number})"
    results().print(Text(sentence), soft_wrap=True)
