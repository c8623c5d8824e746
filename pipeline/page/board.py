"""The board: a column for each environment, an instance in each row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.model.environment import Environment, Instance
from pipeline.model.history import History
from pipeline.page.asked import Asked
from pipeline.page.marks import GATE_OF, UNFINISHED, marks_of
from pipeline.page.model import Block, Board, Column, InstanceCard
from pipeline.show.text import safe

_RULES = {
    "all-but-data-loss": "a change that may lose data needs a person",
    "no-widening": "a change that may lose data, widens access or weakens protection needs a person",
    "nothing": "every change needs a person",
}


def build_board(
    environments: Sequence[Environment],
    target: str,
    history: History,
    rows: Sequence[Mapping[str, Any]],
    asked: Mapping[str, Asked],
    now: datetime,
) -> Board:
    """Return the board.

    Args:
        environments: In their order.
        target: Whose accounts are named.
        history: What the ledger adds up to.
        rows: One for each instance, as `status` gives them.
        asked: What the gates say of what waits, by its instance.
        now: The moment for which freezes are judged.
    """
    subjects = subjects_of(history)
    columns = []
    for environment in environments:
        mine = [row for row in rows if row["environment"] == environment.name]
        columns.append(
            Column(
                name=environment.name,
                account=environment.accounts.get(target, "no account"),
                region=environment.region,
                rule=_rule(environment),
                cards=tuple(_card(environment, history, row, subjects, asked, now) for row in mine),
            )
        )
    return Board(columns=tuple(columns))


def subjects_of(history: History) -> dict[str, str]:
    """Return for each release the first line of the commit that it was built from, where one is known."""
    return {
        candidate.release: safe(str(candidate.entry.body["subject"]))
        for candidate in history.candidates
        if candidate.entry.body["subject"]
    }


def _rule(environment: Environment) -> str:
    rule = _RULES.get(environment.tolerates, environment.tolerates)
    people = max(environment.approvals, 1)
    return rule.replace("a person", "a person's yes" if people == 1 else f"{people} people's yes")


def _card(
    environment: Environment,
    history: History,
    row: Mapping[str, Any],
    subjects: Mapping[str, str],
    asked: Mapping[str, Asked],
    now: datetime,
) -> InstanceCard:
    instance = Instance(str(row["environment"]), str(row["suffix"]))
    gates = asked.get(str(instance))
    mine = history.of(instance)
    marks = tuple(
        mark
        for mark in marks_of(environment, mine, history.freezes, now)
        # While somebody is at work there, an apply without an end is no accident.
        if not (row["at_work"] and mark.word == UNFINISHED)
    )
    told = {GATE_OF.get(mark.word) for mark in marks}
    return InstanceCard(
        name=str(instance),
        state=str(row["state"]),
        release=row["release"],
        subject=subjects.get(str(row["release"])),
        since=row["since"],
        queued=row["queued"],
        change_set=row["waiting"],
        marks=marks,
        blocks=tuple(
            Block(gate=block["gate"], sentence=safe(block["sentence"]), unblock=safe(block["unblock"]))
            for block in row["blocks"]
            if block["gate"] not in told
        ),
        at_work=safe(row["at_work"]) if row["at_work"] else None,
        open_gates=gates.open if gates else (),
        passed_gates=gates.passed if gates else (),
        people=gates.people if gates else None,
    )
