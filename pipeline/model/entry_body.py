"""What each kind of entry must hold: exactly these fields, each of its type, and nothing that nobody knows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind, Operation, Outcome

_Types = type | tuple[type, ...]

_PLACE: dict[str, _Types] = {"environment": str, "suffix": str}
_INSTANCE: dict[str, _Types] = {**_PLACE, "release": str}
_ACCOUNT: dict[str, _Types] = {**_INSTANCE, "account": str, "region": str}
_YES: dict[str, _Types] = {
    **_ACCOUNT,
    "change_set": str,
    "shown": str,
    "findings": list,
    "reason": str,
    "expires": str,
    "settings": str,
}
_OPTIONAL_TEXT = (str, type(None))

FIELDS: Mapping[Kind, Mapping[str, _Types]] = {
    Kind.GENESIS: {"project": str, "target": str, "settings": str, "keys": list, "quorum": int},
    Kind.SETTINGS: {"settings": str, "keys": list, "quorum": int, "reason": str},
    Kind.CANDIDATE: {
        "release": str,
        "commit": _OPTIONAL_TEXT,
        "subject": _OPTIONAL_TEXT,
        "dirty": bool,
        "dirty_allowed": bool,
        "people": list,
    },
    Kind.EVIDENCE: {"release": str, "settings": str, "statements": list},
    Kind.SHOWN: {
        **_ACCOUNT,
        "change_set": str,
        "operation": str,
        "needs_person": list,
        "reasons": list,
        "findings": list,
        "settings": str,
    },
    Kind.APPROVAL: _YES,
    Kind.BREAK_GLASS: _YES,
    Kind.REJECTION: {**_INSTANCE, "change_set": str, "shown": str, "reason": str},
    Kind.START: {
        **_ACCOUNT,
        "change_set": str,
        "operation": str,
        "approvals": list,
        "settings": str,
        "skipped": list,
    },
    Kind.END: {
        **_INSTANCE,
        "start": str,
        "operation": str,
        "outcome": str,
        "reason": _OPTIONAL_TEXT,
        "proof": dict,
    },
    Kind.HOLD: {**_PLACE, "reason": str},
    Kind.UNHOLD: {**_PLACE, "reason": str},
    Kind.FREEZE: {"environment": str, "from": str, "until": str, "reason": str},
    Kind.THAW: {"environment": str, "freeze": str, "reason": str},
    Kind.DRIFT: {**_INSTANCE, "drift": _OPTIONAL_TEXT, "summary": list},
    Kind.ACKNOWLEDGEMENT: {**_PLACE, "drift": str, "reason": str},
    Kind.REVOCATION: {"key": str, "reason": str},
    Kind.CLOCK: {"ahead": str, "reason": str},
    Kind.BREAK_LOCK: {**_PLACE, "owner": str, "reason": str},
}

_STATEMENT: Mapping[str, type] = {"name": str, "predicate": str, "digest": str, "passed": bool}
_REASON: Mapping[str, type] = {"gate": str, "sentence": str, "unblock": str}


def check_body(kind: Kind, body: Any, number: int) -> None:
    """Refuse a body that has not exactly its kind's fields, each of its type.

    Raises:
        LedgerError: It has not.
    """
    fields = FIELDS[kind]
    if not isinstance(body, Mapping) or set(body) != set(fields):
        raise LedgerError(f"entry {number} ({kind}) has other fields than a {kind} has")
    for name, expected in fields.items():
        if not isinstance(body[name], expected):
            raise LedgerError(f"entry {number} ({kind}) has a {name} of the wrong type")
    for name, is_right, what in _VALUES:
        if name in fields and not is_right(body[name]):
            raise LedgerError(f"entry {number} ({kind}) has {what}")


def is_time(text: Any) -> bool:
    """Whether `text` is a moment that can be compared with another one: a date, a time and a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (ValueError, TypeError):
        return False


def _all_words(value: list[Any]) -> bool:
    return all(isinstance(word, str) for word in value)


def _all_tables(fields: Mapping[str, type]) -> Callable[[list[Any]], bool]:
    def are(value: list[Any]) -> bool:
        return all(
            isinstance(row, dict)
            and set(row) == set(fields)
            and all(isinstance(row[name], expected) for name, expected in fields.items())
            for row in value
        )

    return are


# What nobody knows must not pass for good: an unknown end for a healthy instance, a bad date for an endless yes.
_VALUES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("operation", lambda value: value in set(Operation), "an unknown operation"),
    ("outcome", lambda value: value in set(Outcome), "an unknown outcome"),
    ("quorum", lambda value: value >= 1 and value is not True, "a quorum below 1"),
    ("ahead", is_time, "an ahead that is no time"),
    ("expires", is_time, "an expires that is no time"),
    ("from", is_time, "a from that is no time"),
    ("until", is_time, "an until that is no time"),
    ("people", _all_words, "people that are no list of words"),
    ("findings", _all_words, "findings that are no list of words"),
    ("needs_person", _all_words, "a needs_person that is no list of words"),
    ("approvals", _all_words, "approvals that are no list of words"),
    ("skipped", _all_words, "a skipped that is no list of words"),
    ("summary", _all_words, "a summary that is no list of words"),
    ("statements", _all_tables(_STATEMENT), "statements of another shape"),
    ("reasons", _all_tables(_REASON), "reasons of another shape"),
)
