"""Change sets and findings beside ledger entries, compared with what the entries say of them."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.model.audit import Problem, ProblemKind, Rules, Seen
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment
from pipeline.model.errors import RefusedError
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.safety import needs_person
from pipeline.model.safety.finding import Finding

_JUDGED_BEFORE = timedelta(hours=1)


class DocumentError(Exception):
    """What lies beside an entry is not what the entry names."""

    def __init__(self, kind: ProblemKind, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(kind, sentence)


def read_seen(entry: Entry, change_set: bytes | None, found: bytes | None, rules: Rules | None) -> Seen:
    """Return what decides over a start, read from beside it and compared with what it says.

    Raises:
        DocumentError: Something is missing or differs.
    """
    what = f"the change set of entry {entry.number} ({entry.kind})"
    if change_set is None or found is None:
        raise DocumentError(ProblemKind.MISSING, f"{what} is missing, or not the one it names")
    try:
        document = ChangeSet.from_json(json.loads(change_set))
        findings = tuple(Finding.from_json(item) for item in json.loads(found))
    except (ValueError, TypeError, RecursionError, RefusedError):
        raise DocumentError(ProblemKind.FORGED, f"{what} cannot be read") from None
    names = ("environment", "suffix", "release", "region")
    differs = [name for name in names if getattr(document, name) != entry.body[name]]
    if document.digest != entry.body["change_set"] or document.account_id != entry.body["account"] or differs:
        raise DocumentError(ProblemKind.FORGED, f"{what} is another one than it says")
    ids = tuple(finding.id for finding in findings)
    if entry.kind is Kind.SHOWN and list(ids) != list(entry.body["findings"]):
        raise DocumentError(ProblemKind.FORGED, f"{what} has other findings than it says")
    environment = rules.environment(document.environment) if rules else None
    if environment is None:
        return Seen(("there are no settings by which it can be judged",), ids)
    return Seen(_needs(entry, document, findings, environment), ids)


def _needs(
    entry: Entry, change_set: ChangeSet, findings: Sequence[Finding], environment: Environment
) -> tuple[str, ...]:
    """Return why the environment wanted a person's word."""
    if entry.body["operation"] == Operation.DESTROY:
        return ("it destroys everything there",) if environment.approvals and not change_set.is_empty else ()
    # Planned and judged before it was written: what counted until midnight may have been used just before.
    accepted = environment.accepted_at(datetime.fromisoformat(entry.at) - _JUDGED_BEFORE)
    unaccepted = tuple(finding for finding in findings if finding.id not in accepted)
    return needs_person(change_set, unaccepted, environment.tolerates)
