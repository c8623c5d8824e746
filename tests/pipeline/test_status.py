"""What status says of each instance, read from a real ledger: the sentence and the one command that is right then."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.context import Context
from pipeline.host import lock
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.release import short
from pipeline.settings.environments import Environments
from pipeline.show.progress import Progress
from pipeline.status import status_rows
from tests.pipeline import signed_world
from tests.pipeline.signed_world import Row, World

_DEPLOYED = 9
"""How many rows of the ledger it takes until the release runs in dev and prod."""
_SHOWN = 6
"""How many it takes until it waits in prod."""
_NOBODY = "1 approval missing: prod is changed by nothing without a person"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A ledger that began half an hour ago, so that what it holds is neither stale nor expired."""
    monkeypatch.setattr(signed_world, "START", datetime.now(UTC) - timedelta(minutes=30))
    monkeypatch.setenv("TOLLGATE_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("TOLLGATE_HOME", str(tmp_path))
    for name in ("TOLLGATE_TARGET", "TOLLGATE_STORE", "TOLLGATE_LEDGER_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    return World.make(tmp_path)


@pytest.fixture
def row(world: World) -> Callable[..., dict[str, Any]]:
    """Gives the row of an instance once these rows are the ledger, where environments need so many approvals."""

    def _row(instance: str, rows: list[Row], approvals: int = 1) -> dict[str, Any]:
        world.write(rows)
        context = Context.open(Progress(Console(file=io.StringIO())))
        strict = tuple(replace(each, approvals=approvals) for each in context.environments)
        found = status_rows(replace(context, environments=Environments(strict)))
        return next(each for each in found if each["instance"] == instance)

    return _row


Ask = Callable[..., dict[str, Any]]


def _block(row: dict[str, Any]) -> tuple[str, str, str]:
    (block,) = row["blocks"]
    return block["gate"], block["sentence"], block["unblock"]


def test_nothing_blocks_what_runs_and_is_wanted(world: World, row: Ask) -> None:
    """Where the wanted release runs, proven, there is nothing to do."""
    found = row("prod", world.rows)

    assert (found["state"], found["release"], found["blocks"]) == ("deployed", world.release.digest, [])


def test_what_did_not_end_may_be_at_work_elsewhere(world: World, row: Ask) -> None:
    """A start without an end is an interrupted run or one on another machine, and one command finishes just it."""
    found = row("prod", world.rows[:8])
    gate, sentence, unblock = _block(found)

    assert (found["state"], gate) == ("degraded", "interrupted")
    assert sentence.startswith("a run that began ")
    assert sentence.endswith("has not ended: it was interrupted, or is at work on another machine")
    assert unblock == "`nox -s recover -- prod` finishes it"


def test_a_destroy_that_did_not_end_is_finished_by_destroying(world: World, row: Ask) -> None:
    """The command for an interrupted destroy deploys nothing."""
    start = world.start("prod", operation=Operation.DESTROY)

    assert _block(row("prod", [*world.rows, start]))[2] == "`nox -s destroy -- prod` finishes it"


def test_who_is_at_work_here_is_named_in_place_of_a_block(world: World, row: Ask) -> None:
    """While somebody holds the instance on this machine nothing is asked of anybody."""
    path = world.folder / "locks" / "local.prod.lock"
    path.parent.mkdir(exist_ok=True)
    with lock.hold(path, "promoting it"):
        found = row("prod", world.rows[:8])

    assert "promoting it" in found["at_work"]
    assert found["blocks"] == []


def test_what_was_shown_waits_for_a_person(world: World, row: Ask) -> None:
    """Before anybody decided, status asks for the approval."""
    found = row("prod", world.rows[:_SHOWN])

    assert found["state"] == "waiting"
    assert _block(found) == ("approval", _NOBODY, '`nox -s approve -- prod --reason "…"`')


def test_enough_approvals_are_said_with_the_command_that_uses_them(world: World, row: Ask) -> None:
    """Once nobody else is needed, the next step is to apply it."""
    found = row("prod", world.rows[: _SHOWN + 1])

    assert _block(found) == ("approval", "approved by Ann", "`nox -s promote` applies it")


def test_one_of_two_approvals_is_not_enough(world: World, row: Ask) -> None:
    """Where two people must say yes and one did, another is asked for."""
    found = row("prod", world.rows[: _SHOWN + 1], approvals=2)

    assert _block(found) == ("approval", _NOBODY, '`nox -s approve -- prod --reason "…"`')


def test_an_expired_approval_is_told_and_asked_for_again(world: World, row: Ask) -> None:
    """A yes past its time is named with why it does not count."""
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    rows = [*world.rows[:_SHOWN], world.approval(_SHOWN).saying(expires=past)]

    assert _block(row("prod", rows))[1] == f"{_NOBODY}; the one by Ann does not count, it expired {past}"


def test_an_approval_under_other_settings_is_told(world: World, row: Ask) -> None:
    """A yes that was given under settings that count no more is named as such."""
    rows = [*world.rows[:_SHOWN], world.approval(_SHOWN).saying(settings="sha256:" + "0" * 64)]

    sentence = _block(row("prod", rows))[1]
    assert sentence == f"{_NOBODY}; the one by Ann does not count, the settings have changed since"


@pytest.mark.parametrize(
    ("operation", "command"),
    [
        (Operation.HEAL, "nox -s heal -- prod"),
        (Operation.RECOVERY, "nox -s recover -- prod"),
        (Operation.ROLLBACK, 'nox -s rollback -- prod --to {release} --reason "…"'),
        (Operation.DESTROY, "nox -s destroy -- prod"),
    ],
)
def test_what_was_approved_is_applied_by_its_own_command(
    world: World, row: Ask, operation: Operation, command: str
) -> None:
    """An approved way back or destroy names a command that does it and touches no other instance."""
    rows = [*world.rows, world.shown("again", operation), world.approval(_DEPLOYED + 1, "again")]

    expected = command.format(release=short(world.release.digest))
    assert _block(row("prod", rows)) == ("approval", "approved by Ann", f"`{expected}` applies it")


def test_a_freeze_stands_before_the_approval(world: World, row: Ask) -> None:
    """What else stands in the way of something approved is said first: until it is gone, nothing is applied."""
    now = datetime.now(UTC)
    until = (now + timedelta(hours=1)).isoformat(timespec="seconds")
    start = (now - timedelta(hours=1)).isoformat(timespec="seconds")
    body = {"environment": "prod", "from": start, "until": until, "reason": "the big sale"}
    rows = [*world.rows[: _SHOWN + 1], Row(Kind.FREEZE, lambda _: body)]

    blocks = row("prod", rows)["blocks"]
    assert [block["gate"] for block in blocks] == ["freeze", "approval"]
    assert blocks[1]["unblock"] == "`nox -s promote` applies it then"


def test_a_broken_preview_says_both_ways_on(world: World, row: Ask) -> None:
    """A preview whose last change did not hold is tried again or taken down, by name."""
    start = world.start("dev").saying(suffix="pr-7")
    end = world.end(_DEPLOYED + 1, "dev", Outcome.FAILED).saying(
        suffix="pr-7", reason="it answered 500\nat /"
    )
    found = row("dev/pr-7", [*world.rows, start, end])

    assert found["state"] == "degraded"
    assert _block(found) == (
        "degraded",
        "the last change did not hold: it answered 500",
        (
            "`nox -s promote -- --to dev --suffix pr-7` tries what is here now, "
            "or `nox -s destroy -- dev --suffix pr-7` takes it down"
        ),
    )


def test_a_newer_release_is_named_where_it_may_go_and_where_it_waits(world: World, row: Ask) -> None:
    """What is wanted and not there is said: what keeps it from dev, and behind what it is queued in prod."""
    newer = "sha256:" + "9" * 64
    rows = [*world.rows[:_SHOWN], world.candidate(newer)]

    assert row("prod", rows)["queued"] == newer
    assert {block["gate"] for block in row("dev", rows)["blocks"]} == {"evidence"}
