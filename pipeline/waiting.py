"""What waits for a person: shown with its digest, then approved or rejected by that digest."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.context import Context
from pipeline.model.canonical import canonical_bytes
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import LedgerError, RefusedError, UsageError
from pipeline.model.gates import Reason
from pipeline.model.history import History, InstanceHistory
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.makers import is_maker
from pipeline.model.release import short
from pipeline.model.safety.finding import Finding
from pipeline.model.trust import Role
from pipeline.plan import Judged
from pipeline.stores.ledger import Ledger

_CHANGE_SET_FILE = "change-set.json"
_FINDINGS_FILE = "findings.json"
MAX_REASON_LENGTH = 1000
_FEWEST_DIGITS = 4


def record_shown(
    context: Context,
    judged: Judged,
    operation: Operation,
    reasons: Sequence[Reason],
    head: str | None,
) -> Entry:
    """Record what waits for whom, so that an approval can name it."""
    body = {
        **change_set_fields(judged.change_set),
        "operation": operation,
        "needs_person": list(judged.needs_person),
        "findings": [finding.id for finding in judged.findings],
        "settings": context.settings.digest,
        "reasons": [
            {"gate": reason.gate, "sentence": reason.sentence, "unblock": reason.unblock}
            for reason in reasons
        ],
    }
    return context.record(Kind.SHOWN, body, head, documents_of(judged))


def shown_change_set(context: Context, entry: Entry) -> Judged:
    """Return the change set that an entry names, as `change_set_beside` reads it."""
    return change_set_beside(context.ledger, entry)


def change_set_beside(ledger: Ledger, entry: Entry) -> Judged:
    """Return the change set that an entry names, read from beside it and compared with the digest it names.

    Raises:
        LedgerError: It is missing, or another one.
    """
    try:
        change_set = ChangeSet.from_json(json.loads(ledger.document(entry, _CHANGE_SET_FILE)))
        found = json.loads(ledger.document(entry, _FINDINGS_FILE))
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


def waits_already(context: Context, history: InstanceHistory, judged: Judged, operation: Operation) -> bool:
    """Whether exactly this, with exactly these findings, was shown under these settings and still waits."""
    waiting = history.waiting
    return (
        waiting is not None
        and waiting.body["change_set"] == judged.change_set.digest
        and waiting.body["operation"] == operation
        and waiting.body["settings"] == context.settings.digest
        and set(waiting.body["findings"]) == {finding.id for finding in judged.findings}
    )


def command_to_go_on(shown: Entry) -> str:
    """Return the command that does what a change set says, once enough people said yes to it."""
    instance = Instance(shown.body["environment"], shown.body["suffix"])
    where, release = instance.on_command_line, short(str(shown.body["release"]))
    forward = "nox -s promote" if instance.is_main else f"nox -s promote -- --to {where}"
    return {
        Operation.FORWARD: forward,
        Operation.HEAL: f"nox -s heal -- {where}",
        Operation.RECOVERY: f"nox -s recover -- {where}",
        Operation.ROLLBACK: f'nox -s rollback -- {where} --to {release} --reason "…"',
        Operation.DESTROY: f"nox -s destroy -- {where}",
    }[Operation(shown.body["operation"])]


def approve(
    context: Context,
    environment: Environment,
    instance: Instance,
    reason: str,
    *,
    seen: str | None = None,
    break_glass: bool = False,
) -> Entry:
    """Record the caller's yes to the change set that waits in the instance.

    Args:
        context: The project and its accounts.
        environment: Where it waits.
        instance: Where exactly.
        reason: Why it is right.
        seen: First hex digits of the change set that the caller has read. Default: whatever waits now.
        break_glass: Whether it is to be applied without anybody else's yes and through holds and freezes; that is
            recorded, and `status` says so until a promotion went the usual way.

    Raises:
        RefusedError: Nothing waits there, or not what was seen; the caller has said yes before or made a part of it,
            or the caller's key does not count.
        UsageError: No reason is given.
    """
    waiting, history = _waiting(context, instance, seen)
    person = approver_of(context, history)
    mine = history.of(instance)
    now = datetime.now(UTC)
    valid = [entry for entry in mine.approvals if datetime.fromisoformat(entry.body["expires"]) > now]
    if not break_glass and any(entry.by == person for entry in valid):
        message = f"{person} has already approved {short(waiting.body['change_set'])} for {instance}"
        raise RefusedError(
            message,
            f"`{command_to_go_on(waiting)}` uses the approval; another yes must be another person's",
        )
    if not break_glass and not context.target.is_relaxed:
        _insist_on_other_eyes(context, history, waiting, person)
    expires = now + timedelta(hours=environment.approval_hours)
    body = {
        **_names(waiting),
        "account": waiting.body["account"],
        "region": waiting.body["region"],
        "findings": waiting.body["findings"],
        "reason": reason_given(reason),
        "expires": expires.isoformat(timespec="seconds"),
        "settings": context.settings.digest,
    }
    return context.record(Kind.BREAK_GLASS if break_glass else Kind.APPROVAL, body, history.head)


def reject(context: Context, instance: Instance, reason: str, *, seen: str | None = None) -> Entry:
    """Record the caller's no to the change set that waits in the instance.

    Raises:
        RefusedError: Nothing waits there, or not what was seen.
        UsageError: No reason is given.
    """
    waiting, history = _waiting(context, instance, seen)
    return context.record(Kind.REJECTION, {**_names(waiting), "reason": reason_given(reason)}, history.head)


def approver_of(context: Context, history: History) -> str:
    """Return the name under which the caller's approvals count.

    Raises:
        RefusedError: The caller's key is no approver's.
    """
    if context.voice is Role.WITNESS:
        return context.who  # who witnesses has made sure who it is
    own = context.keys.public(Role.APPROVER)
    known = history.authority.keys.key_at(own.keyid, history.next_number)
    if known is None or known.person is None:
        named = ", ".join(key.person or "" for key in history.authority.approvers) or "nobody"
        message = (
            f"your approver key {own.keyid[:12]} is not named in the settings; those who may approve: {named}"
        )
        raise RefusedError(message, "ask one of them, or be named in tollgate.toml by `nox -s settings`")
    return known.person


def _insist_on_other_eyes(context: Context, history: History, waiting: Entry, person: str) -> None:
    instance = Instance(waiting.body["environment"], waiting.body["suffix"])
    release = str(waiting.body["release"])
    makers = history.people_behind(release, history.of(instance).deployed)
    known = {approver.name: approver.identities for approver in context.project.approvers}
    if is_maker(person, known.get(person, ()), makers):
        message = f"{person} made a part of {short(release)}, and nobody approves their own work"
        raise RefusedError(message, "ask another approver, or say `nox -s break_glass` if it cannot wait")


def change_set_fields(change_set: ChangeSet) -> dict[str, Any]:
    """Return the fields by which an entry names a change set: of which release, where, and its digest."""
    return {
        "environment": change_set.environment,
        "suffix": change_set.suffix,
        "release": change_set.release,
        "account": change_set.account_id,
        "region": change_set.region,
        "change_set": change_set.digest,
    }


def documents_of(judged: Judged) -> dict[str, bytes]:
    """Return the change set and what was found in it, as the documents that are kept beside an entry."""
    return {
        _CHANGE_SET_FILE: canonical_bytes(judged.change_set.to_json()),
        _FINDINGS_FILE: canonical_bytes([finding.to_json() for finding in judged.findings]),
    }


def _waiting(context: Context, instance: Instance, seen: str | None) -> tuple[Entry, History]:
    """Return what waits, refusing where the caller has seen another change set."""
    history = context.history()
    waiting = history.of(instance).waiting
    if waiting is None:
        message = f"nothing waits for a decision in {instance}"
        raise RefusedError(message, "`nox -s status` says what runs and what waits where")
    digest = str(waiting.body["change_set"]).removeprefix("sha256:")
    digits = (seen or digest).strip().lower().removeprefix("sha256:")
    if len(digits) < _FEWEST_DIGITS or not digest.startswith(digits):
        message = f"what waits for {instance} is change set {digest[:12]}, not {digits}"
        raise RefusedError(message, f"read it first: `nox -s show -- {digest[:12]}`")
    return waiting, history


def _names(waiting: Entry) -> dict[str, Any]:
    fields = ("environment", "suffix", "release", "change_set")
    return {**{name: waiting.body[name] for name in fields}, "shown": waiting.digest}


def reason_given(reason: str) -> str:
    """Return the reason as it is recorded: others will read it, so it must say something."""
    words = " ".join(reason.split())
    if not words or len(words) > MAX_REASON_LENGTH:
        message = f"a reason of 1 to {MAX_REASON_LENGTH} characters is needed, {len(words)} were given"
        raise UsageError(message, 'say why: `--reason "…"`')
    return words
