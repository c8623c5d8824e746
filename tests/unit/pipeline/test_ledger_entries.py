"""Entries and their chain: read strictly, refused with a reason, never repaired."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.entry_body import check_body
from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind, Outcome
from pipeline.model.ledger import Entry, verify_chain
from pipeline.model.powers import MAY_WRITE, insist_on_power
from pipeline.model.trust import ED25519, PublicKey, Role
from tests.unit.pipeline.record import LEDGER_KEY, ONE, SETTINGS, START, Record

_MISSING = object()


def _record() -> Record:
    """One entry of every kind."""
    record = Record()
    record.candidate()
    record.rejection(record.shown())
    record.approval(record.shown())
    record.deployed()
    statement = {"name": "unit", "predicate": "test", "digest": ONE, "passed": True}
    record.write(Kind.EVIDENCE, {"release": ONE, "settings": SETTINGS, "statements": [statement]})
    record.approval(record.shown(), glass=True)
    record.hold()
    record.unhold()
    freeze = record.freeze(START, START)
    record.write(Kind.THAW, {"environment": "prod", "freeze": freeze.digest, "reason": "done"}, "bob")
    record.acknowledge(record.drift())
    record.write(
        Kind.BREAK_LOCK, {"environment": "prod", "suffix": "prod", "owner": "pid 1", "reason": "gone"}
    )
    record.write(
        Kind.SETTINGS, {"settings": ONE, "keys": [LEDGER_KEY.to_json()], "quorum": 1, "reason": "new"}, "bob"
    )
    record.write(Kind.CLOCK, {"ahead": START.isoformat(), "reason": "a dead battery"}, "bob")
    record.write(Kind.REVOCATION, {"key": "0" * 64, "reason": "lost"}, "bob")
    return record


def _document(kind: Kind) -> dict[str, Any]:
    found = next(entry for entry in _record().entries if entry.kind is kind)
    document: dict[str, Any] = json.loads(found.content)
    return document


@pytest.mark.parametrize("kind", Kind)
def test_an_entry_of_every_kind_is_read_back(kind: Kind) -> None:
    """Reading the bytes of an entry gives the same entry, with the same digest and time."""
    written = next(entry for entry in _record().entries if entry.kind is kind)

    read = Entry.from_json(json.loads(written.content))

    assert (read.content, read.digest, read.time) == (written.content, written.digest, written.time)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("schema", 1, "has schema 1; this version knows 2"),
        ("schema", _MISSING, "has other fields than an entry has"),
        ("extra", 1, "has other fields than an entry has"),
        ("number", "2", "has fields of the wrong type"),
        ("number", True, "has fields of the wrong type"),
        ("by", None, "has fields of the wrong type"),
        ("kind", "promotion", "is of the unknown kind 'promotion' or has no time"),
        ("kind", ["start"], "is of the unknown kind"),
        ("kind", None, "is of the unknown kind None"),
        ("at", "yesterday", "or has no time"),
        ("at", 20260101, "or has no time"),
        ("at", "2026-01-01T09:00:00", "or has no time"),
        ("previous", 1, "names no entry before it"),
        ("body", [], "has other fields than a candidate has"),
        ("documents", [], "names documents without digests"),
        ("documents", {"a": 1}, "names documents without digests"),
    ],
)
def test_an_entry_that_is_not_one_is_refused(field: str, value: Any, sentence: str) -> None:
    """A missing, unknown or ill-typed field is refused with what is wrong; nothing is guessed."""
    document = {**_document(Kind.CANDIDATE), field: value}
    if value is _MISSING:
        del document[field]

    with pytest.raises(LedgerError, match=sentence):
        Entry.from_json(document)


@pytest.mark.parametrize("document", [None, [], "entry", 1])
def test_what_is_no_object_is_no_entry(document: Any) -> None:
    """JSON that is no object is refused."""
    with pytest.raises(LedgerError, match="an entry has other fields than an entry has"):
        Entry.from_json(document)


@pytest.mark.parametrize("kind", Kind)
@given(st.data())
def test_every_field_of_every_kind_counts(kind: Kind, data: st.DataObject) -> None:
    """Without one of its fields, with one too many, or with one of the wrong type, a body is refused."""
    body = _document(kind)["body"]
    name = data.draw(st.sampled_from(sorted(body)))
    broken = data.draw(
        st.sampled_from(
            [
                {other: value for other, value in body.items() if other != name},
                body | {"unknown": 1},
                body | {name: 1.5},
            ]
        )
    )

    check_body(kind, body, 2)
    with pytest.raises(LedgerError, match=rf"entry 2 \({kind}\) has"):
        check_body(kind, broken, 2)


@pytest.mark.parametrize("outcome", ["succeeded", "DONE", ""])
def test_an_outcome_that_nobody_knows_is_refused(outcome: str) -> None:
    """An end that is neither success nor one of the known failures must not pass for a healthy instance."""
    body = _document(Kind.END)["body"] | {"outcome": outcome}

    with pytest.raises(LedgerError, match=r"entry 7 \(end\) has an unknown outcome"):
        check_body(Kind.END, body, 7)


@pytest.mark.parametrize("kind", [Kind.SHOWN, Kind.START, Kind.END])
def test_an_operation_that_nobody_knows_is_refused(kind: Kind) -> None:
    """What a newer version did to an instance must not pass for a deployment."""
    body = _document(kind)["body"] | {"operation": "teleport"}

    with pytest.raises(LedgerError, match=rf"entry 7 \({kind}\) has an unknown operation"):
        check_body(kind, body, 7)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_recorded(outcome: Outcome) -> None:
    """Each of the four ways to end is known."""
    check_body(Kind.END, _document(Kind.END)["body"] | {"outcome": outcome}, 7)


@pytest.mark.parametrize("expires", ["", "soon", "2026-01-01T09:00:00"])
def test_an_approval_that_ends_at_no_time_is_refused(expires: str) -> None:
    """Without a time and its zone nobody can tell whether an approval still holds."""
    body = _document(Kind.APPROVAL)["body"] | {"expires": expires}

    with pytest.raises(LedgerError, match=r"entry 5 \(approval\) has an expires that is no time"):
        check_body(Kind.APPROVAL, body, 5)


def test_a_whole_chain_is_accepted() -> None:
    """Entries as they were written, or none at all, verify."""
    verify_chain(_record().entries)
    verify_chain([])


@given(st.integers(1, 6))
def test_a_missing_entry_is_named(position: int) -> None:
    """An entry taken out of the middle is missed by its number."""
    entries = _record().entries
    del entries[position]

    with pytest.raises(LedgerError, match=rf"entry {position + 1} is missing \(found {position + 2}"):
        verify_chain(entries)


def test_a_chain_without_its_beginning_is_refused() -> None:
    """Without genesis nothing that follows counts."""
    with pytest.raises(LedgerError, match=r"entry 1 is missing \(found 2"):
        verify_chain(_record().entries[1:])


@given(st.permutations(range(20)))
def test_any_other_order_is_refused(order: list[int]) -> None:
    """Entries verify in the order in which they were written and in no other."""
    entries = _record().entries
    reordered = [entries[position] for position in order]
    if order == sorted(order):
        verify_chain(reordered)
        return
    with pytest.raises(LedgerError, match=r"is missing"):
        verify_chain(reordered)


@given(st.integers(0, 6), st.sampled_from(["by", "at"]))
def test_altering_any_entry_breaks_the_chain_behind_it(position: int, field: str) -> None:
    """Each entry names the digest of the one before, so what was said cannot be changed later."""
    entries = _record().entries
    altered: dict[str, Any] = {field: {"by": "mallory", "at": "2020-01-01T00:00:00+00:00"}[field]}
    entries[position] = replace(entries[position], **altered)

    with pytest.raises(LedgerError, match=f"entry {position + 2} does not follow the entry before it"):
        verify_chain(entries)


def test_an_entry_of_another_ledger_does_not_fit() -> None:
    """The same words in another ledger have another past, so they cannot be carried over."""
    mine, other = Record(), Record()
    mine.candidate()
    other.candidate(dirty=True)
    foreign = [*mine.entries, *[other.shown()]]

    with pytest.raises(LedgerError, match="entry 3 does not follow the entry before it"):
        verify_chain(foreign)


def test_genesis_is_first_and_only_first() -> None:
    """A ledger that begins with anything else, or begins twice, is refused."""
    late = Record()
    late.write(Kind.GENESIS, dict(late.entries[0].body))
    body = dict(_document(Kind.CANDIDATE)["body"])
    headless = Entry(
        number=1, previous=None, kind=Kind.CANDIDATE, at="2026-01-01T00:00:00Z", by="ann", body=body
    )

    with pytest.raises(LedgerError, match="entry 2 is genesis; genesis is the first and only the first"):
        verify_chain(late.entries)
    with pytest.raises(LedgerError, match="entry 1 is candidate; genesis is the first"):
        verify_chain([headless])


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Kind.FREEZE, "from", "tomorrow"),
        (Kind.FREEZE, "until", "2026-01-01"),
        (Kind.CANDIDATE, "people", [1]),
        (Kind.SHOWN, "findings", [None]),
        (Kind.SHOWN, "reasons", [{"gate": "hold"}]),
        (Kind.EVIDENCE, "statements", [{"name": "unit"}]),
        (Kind.GENESIS, "quorum", 0),
        (Kind.SETTINGS, "quorum", True),
    ],
)
def test_a_value_that_means_nothing_is_refused(kind: Kind, field: str, value: Any) -> None:
    """A field of the right type may still say what nobody can act on."""
    with pytest.raises(LedgerError, match=rf"entry 7 \({kind}\) has"):
        check_body(kind, _document(kind)["body"] | {field: value}, 7)


# --- powers


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("role", Role)
def test_only_a_key_with_the_power_may_write_a_kind(kind: Kind, role: Role) -> None:
    """A builder's or checker's key writes nothing; an approver's starts nothing; the ledger's approves nothing."""
    entry = next(entry for entry in _record().entries if entry.kind is kind)
    person = entry.by if role is Role.APPROVER else None
    signed = replace(entry, key=PublicKey.of(role, ED25519, "ab" * 32, person))

    if role in MAY_WRITE[kind]:
        insist_on_power(signed)
    else:
        with pytest.raises(LedgerError, match=f"signed by a {role} key, which may not write one"):
            insist_on_power(signed)


def test_nobody_speaks_in_another_persons_name() -> None:
    """An approval signed by one person's key in another's name is refused."""
    entry = next(entry for entry in _record().entries if entry.kind is Kind.APPROVAL)

    with pytest.raises(LedgerError, match="is by 'carol', but 'bob' signed it"):
        insist_on_power(replace(entry, by="carol"))
    with pytest.raises(LedgerError, match="signed by nobody's key"):
        insist_on_power(replace(entry, key=None))
