"""Rows of the board without asking a gate: what the ledger alone says of each instance."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import TollgateError
from pipeline.model.history import History, InstanceHistory, State


def plain_rows(
    history: History, environments: Iterable[Environment], problem: TollgateError | None = None
) -> list[dict[str, Any]]:
    """Return the rows of `status` without asking a gate; each says why, if there is a reason."""
    told = (
        [{"gate": "status", "sentence": problem.message, "unblock": problem.hint or "mend that first"}]
        if problem
        else []
    )
    rows = []
    for environment in environments:
        main = Instance(environment.name, environment.name)
        known = {instance for instance in history.instances if instance.environment == environment.name}
        for instance in [main, *sorted(known - {main})]:
            mine = history.of(instance)
            if instance == main or mine.state is not State.EMPTY:
                rows.append(_row(mine, told))
    return rows


def _row(mine: InstanceHistory, blocks: Sequence[dict[str, str]]) -> dict[str, Any]:
    return {
        "instance": str(mine.instance),
        "environment": mine.instance.environment,
        "suffix": mine.instance.suffix,
        "state": mine.state.value,
        "release": mine.release,
        "since": mine.deployed.at if mine.deployed else None,
        "wanted": None,
        "waiting": mine.waiting.body["change_set"] if mine.waiting else None,
        "queued": None,
        "at_work": None,
        "notices": [],
        "blocks": list(blocks),
    }
