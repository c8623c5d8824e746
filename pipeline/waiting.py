"""What waits for a person: shown with its digest, then approved or rejected by that digest."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.context import Context
from pipeline.model.canonical import canonical_bytes
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.gates import Reason
from pipeline.model.history import InstanceHistory
from pipeline.model.ledger import Entry, Kind, LedgerError, Operation
from pipeline.model.release import short
from pipeline.model.safety.finding import Finding
from pipeline.plan import Judged, Site

_CHANGE_SET_FILE = "change-set.json"
_FINDINGS_FILE = "findings.json"
_MAX_REASON_LENGTH = 1000


def record_shown(
    context: Context,
    site: Site,
    judged: Judged,
    operation: Operation,
    reasons: Sequence[Reason],
    head: str | None,
) -> Entry:
    """Record what waits for whom, so that an approval can name it."""
    body = {
        **instance_fields(site.instance, site.release.digest),
        "change_set": judged.change_set.digest,
        "operation": operation,
        "needs_person": list(judged.needs_person),
        "reasons": [
            {"gate": reason.gate, "sentence": reason.sentence, "unblock": reason.unblock}
            for reason in reasons
        ],
    }
    return context.record(Kind.SHOWN, body, head, documents_of(judged))


def shown_change_set(context: Context, entry: Entry) -> Judged:
    """Return the change set that an entry names, read from beside it and compared with the digest it names.

    Raises:
        LedgerError: It is missing, or another one.
    """
    try:
        change_set = ChangeSet.from_json(json.loads(context.ledger.document(entry, _CHANGE_SET_FILE)))
        found = json.loads(context.ledger.document(entry, _FINDINGS_FILE))
        findings = tuple(Finding.from_json(item) for item in found)
    except (ValueError, TypeError, RefusedError):
        message = f"the change set of entry {entry.number} cannot be read"
        raise LedgerError(message) from None
    if change_set.digest != entry.body["change_set"]:
        message = f"the change set of entry {entry.number} is not the one it names"
        raise LedgerError(message)
    return Judged(
        change_set=change_set,
        findings=findings,
        needs_person=tuple(entry.body.get("needs_person", ())),
    )


def waits_already(context: Context, history: InstanceHistory, judged: Judged) -> bool:
    """Whether exactly this, with exactly these findings, was shown before and still waits."""
    waiting = history.waiting
    if waiting is None or waiting.body["change_set"] != judged.change_set.digest:
        return False
    shown = {finding.id for finding in shown_change_set(context, waiting).findings}
    return shown == {finding.id for finding in judged.findings}


def approve(context: Context, environment: Environment, instance: Instance, reason: str) -> Entry:
    """Record the caller's yes to the change set that waits in the instance.

    Raises:
        RefusedError: Nothing waits there, or the caller has said yes before.
        UsageError: No reason is given.
    """
    waiting, head = _waiting(context, instance)
    history, _ = context.history()
    now = datetime.now(UTC)
    valid = [
        entry
        for entry in history.of(instance).approvals
        if datetime.fromisoformat(entry.body["expires"]) > now
    ]
    if any(entry.by == context.who for entry in valid):
        message = f"{context.who} has already approved {short(waiting.body['change_set'])} for {instance}"
        raise RefusedError(
            message, "`nox -s promote` uses the approval; another yes must be another person's"
        )
    shown = shown_change_set(context, waiting)
    expires = now + timedelta(hours=environment.approval_hours)
    body = {
        **_names(waiting),
        "findings": [finding.id for finding in shown.findings],
        "reason": _reason(reason),
        "expires": expires.isoformat(timespec="seconds"),
    }
    return context.record(Kind.APPROVAL, body, head)


def reject(context: Context, instance: Instance, reason: str) -> Entry:
    """Record the caller's no to the change set that waits in the instance.

    Raises:
        RefusedError: Nothing waits there.
        UsageError: No reason is given.
    """
    waiting, head = _waiting(context, instance)
    return context.record(Kind.REJECTION, {**_names(waiting), "reason": _reason(reason)}, head)


def instance_fields(instance: Instance, release: str) -> dict[str, Any]:
    """Return the fields by which an entry names an instance and a release."""
    return {"environment": instance.environment, "suffix": instance.suffix, "release": release}


def documents_of(judged: Judged) -> dict[str, bytes]:
    """Return the change set and what was found in it, as the documents that are kept beside an entry."""
    return {
        _CHANGE_SET_FILE: canonical_bytes(judged.change_set.to_json()),
        _FINDINGS_FILE: canonical_bytes([finding.to_json() for finding in judged.findings]),
    }


def _waiting(context: Context, instance: Instance) -> tuple[Entry, str | None]:
    history, head = context.history()
    waiting = history.of(instance).waiting
    if waiting is None:
        message = f"nothing waits for a decision in {instance}"
        raise RefusedError(message, "`nox -s status` says what runs and what waits where")
    return waiting, head


def _names(waiting: Entry) -> dict[str, Any]:
    fields = ("environment", "suffix", "release", "change_set")
    return {**{name: waiting.body[name] for name in fields}, "shown": waiting.digest}


def _reason(reason: str) -> str:
    """Return the reason as it is recorded: others will read it, so it must say something."""
    words = " ".join(reason.split())
    if not words or len(words) > _MAX_REASON_LENGTH:
        message = f"a reason of 1 to {_MAX_REASON_LENGTH} characters is needed, {len(words)} were given"
        raise UsageError(message, 'say why: `--reason "…"`')
    return words
