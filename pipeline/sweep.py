"""Sweep: previews that are older than their environment lets them be are destroyed."""

from datetime import UTC, datetime, timedelta

from pipeline.carry import Report
from pipeline.context import Context
from pipeline.destroy import destroy
from pipeline.each import in_each
from pipeline.model.environment import Instance
from pipeline.model.errors import TollgateError
from pipeline.model.history import InstanceHistory


def sweep(
    context: Context, now: datetime | None = None
) -> tuple[list[Report], dict[Instance, TollgateError]]:
    """Destroy every preview past its time; return how far that came for each, and what went wrong with some.

    Args:
        context: The project and its accounts.
        now: The moment that decides. Default: the present one.
    """
    history = context.history()
    now = now or datetime.now(UTC)
    environments = {environment.name: environment for environment in context.environments}
    past = [
        instance
        for name, environment in environments.items()
        for instance, mine in sorted(history.instances.items())
        if instance.environment == name
        and not instance.is_main
        and _is_past(mine, now, timedelta(hours=environment.preview_hours))
    ]
    return in_each(
        context,
        past,
        lambda instance: destroy(context, environments[instance.environment], instance.suffix),
    )


def _is_past(mine: InstanceHistory, now: datetime, allowed: timedelta) -> bool:
    """Whether something may be there and nobody has touched it for longer than allowed."""
    entries = [entry for entry in (mine.deployed, mine.last_end, mine.open_start) if entry is not None]
    there = mine.deployed is not None or mine.open_start is not None or mine.is_degraded
    return there and now - max(entry.time for entry in entries) > allowed
