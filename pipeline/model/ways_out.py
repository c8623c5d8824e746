"""What a person can do where the last change did not hold: forward again, back, or away."""

from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry


def ways_out(mine: InstanceHistory) -> str:
    """Return the commands that lead out of a change that did not hold, each with what it does.

    Only what would lead somewhere is named: an instance where nothing else was ever proven has no way back, and
    nothing goes on from a preview, so that whoever wants it again wants it as it is now.
    """
    where = mine.instance.on_command_line
    broken = broken_change(mine)
    if not mine.instance.is_main:
        return (
            f"`nox -s promote -- --to {where}` tries what is here now, "
            f"or `nox -s destroy -- {where}` takes it down"
        )
    forward = f"`nox -s recover -- {where}` goes forward again"
    if broken is not None and broken.body["operation"] == Operation.DESTROY:
        return f"mend it, then `nox -s destroy -- {where}` takes it down, or {forward}"
    back = f', or `nox -s rollback -- {where} --reason "…"` goes back' if way_back(mine) else ""
    return f"mend it, then {forward}{back}"


def way_back(mine: InstanceHistory) -> str | None:
    """Return the release that was proven last in an instance and may be good; None where there is none.

    That is not the one that runs there. Where the last change did not hold, it is what ran before it; where that change
    was a rollback itself, what somebody wanted to leave is left out all the same.
    """
    broken = broken_change(mine)
    runs_may_be_good = broken is not None and (
        broken.body["operation"] != Operation.ROLLBACK or broken.body["release"] == mine.release
    )
    may_be_good = [release for release in mine.proven if runs_may_be_good or release != mine.release]
    return may_be_good[-1] if may_be_good else None


def broken_change(mine: InstanceHistory) -> Entry | None:
    """Return the start or end of a change that was begun there and not proven; None where the last one was."""
    return mine.open_start or (mine.last_end if mine.is_degraded else None)
