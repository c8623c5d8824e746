"""What waits for whom: which gates are open, who may still say yes, and whether enough people have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.ask import facts_of_shown
from pipeline.context import Context
from pipeline.model.approval import counted_approvals
from pipeline.model.facts import Facts
from pipeline.model.gates import GATES, decide
from pipeline.model.history import History
from pipeline.model.makers import is_maker
from pipeline.show.text import safe
from pipeline.waiting import command_to_go_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the gates say now of a change set that was shown.

    Attributes:
        open: The gates that let it through, by name.
        passed: The gates that are not asked on this way, by name.
        people: Who may say yes, and who may not, in words; None where nobody has to any more.
        approved: Whose yes was enough, and the command that goes on; None where a person is still asked.
    """

    open: tuple[str, ...]
    passed: tuple[str, ...]
    people: str | None
    approved: str | None


def asked_everywhere(context: Context, history: History) -> Mapping[str, Asked]:
    """Return what the gates say of each change set that waits, by its instance."""
    keys, here = history.authority.keys, history.next_number
    approvers = [
        key.person
        for key in history.authority.approvers
        if key.person is not None and keys.key_at(key.keyid, here) is not None
    ]
    found = {}
    for environment in context.environments:
        for instance, mine in history.instances.items():
            if instance.environment == environment.name and mine.waiting is not None:
                facts = facts_of_shown(context, history, environment, mine.waiting)
                found[str(instance)] = asked_of(facts, approvers, command_to_go_on(mine.waiting))
    return found


def asked_of(facts: Facts, approvers: Sequence[str], command: str) -> Asked:
    """Return what the gates say of the change set in `facts`.

    Args:
        facts: What decides over it.
        approvers: Everyone whose key counts.
        command: What goes on with it once enough people said yes.
    """
    decision = decide(facts)
    closed = {reason.gate for reason in decision.reasons}
    passed = {reason.gate for reason in decision.skipped} - closed
    is_asked = "approval" in closed
    return Asked(
        open=tuple(name for name in GATES if name not in closed | passed),
        passed=tuple(name for name in GATES if name in passed),
        people=_people(facts, approvers) if is_asked else None,
        approved=None if is_asked else _approved(facts, command, [name for name in GATES if name in closed]),
    )


def _approved(facts: Facts, command: str, closed: Sequence[str]) -> str:
    by = ", ".join(dict.fromkeys(safe(entry.by) for entry in counted_approvals(facts)))
    said = f"approved by {by}" if by else "nobody has to say yes any more"
    once = f" once these gates let it: {', '.join(closed)}" if closed else ""
    return f"{said}; `{command}` applies it{once}"


def _people(facts: Facts, approvers: Sequence[str]) -> str:
    """Say whose yes is missing: those who may say it, those who have, and those whose own work it is."""
    known = dict.fromkeys(approvers)
    said = {entry.by for entry in counted_approvals(facts)}
    makers = {
        person
        for person in known
        if not facts.relaxed and is_maker(person, facts.identities.get(person, ()), facts.people)
    }
    may = [person for person in known if person not in said | makers]
    told = [f"{_listed(may, 'or')} may say yes" if may else "nobody else may say yes"]
    if said:
        told.append(f"{_listed(sorted(said), 'and')} {'has' if len(said) == 1 else 'have'}")
    if makers - said:
        told.append(f"not {_listed(sorted(makers - said), 'or')}, who made a part of it")
    return safe("; ".join(told))


def _listed(names: Iterable[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
