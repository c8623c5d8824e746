"""Which approvals count: for exactly this change, by different people with different keys, none of them its maker."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.model.authority import distinct_signers
from pipeline.model.facts import Facts
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.makers import is_maker


def counted_approvals(facts: Facts) -> tuple[Entry, ...]:
    """Return the approvals that count for the change set at hand."""
    return tuple(entry for entry in facts.history.approvals if _why_not(facts, entry) is None)


def needed_approvals(facts: Facts) -> int:
    """Return how many approvals are still missing."""
    if not facts.needs_person:
        return 0
    counted = counted_approvals(facts)
    if any(entry.kind is Kind.BREAK_GLASS for entry in counted):
        return 0
    return max(max(facts.environment.approvals, 1) - distinct_signers(counted), 0)


def unfit_approvals(facts: Facts) -> Iterator[str]:
    """Say of each approval that was given and does not count why it does not."""
    for entry in facts.history.approvals:
        why = _why_not(facts, entry)
        if why is not None:
            yield f"the one by {entry.by} does not count, {why}"


def _why_not(facts: Facts, entry: Entry) -> str | None:
    body = entry.body
    expected = {"change_set": facts.change_set, "release": facts.release}
    if any(body[name] != value for name, value in expected.items()):
        return "it is for another change set"
    waiting = facts.history.waiting
    if waiting is None or waiting.body["operation"] != facts.operation:
        return "it is for another operation"
    if (body["account"], body["region"]) != (facts.account, facts.region):
        return "it is for another account or region"
    if body["settings"] != facts.settings:
        return "the settings have changed since"
    return _why_no_longer(facts, entry)


def _why_no_longer(facts: Facts, entry: Entry) -> str | None:
    if not set(facts.findings) <= set(entry.body["findings"]):
        return "more was found since"
    expires = datetime.fromisoformat(entry.body["expires"])
    longest = facts.environment.approval_hours
    if expires > entry.time + timedelta(hours=longest):
        return f"it was given for longer than the {longest} hours that {facts.environment.name} allows"
    if expires <= facts.now:
        return f"it expired {entry.body['expires']}"
    if (
        entry.kind is not Kind.BREAK_GLASS
        and not facts.relaxed
        and is_maker(entry.by, facts.identities.get(entry.by, ()), facts.people)
    ):
        return "they made a part of this release"
    return None
