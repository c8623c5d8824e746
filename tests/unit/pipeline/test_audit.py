"""Judging a ledger again: one row for each way in which something was done that should not have been."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.model.audit import Problem, ProblemKind, Rules, Seen, audit
from pipeline.model.history import History
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from tests.unit.pipeline.record import (
    DEV,
    ONE,
    OTHER_CHANGES,
    SETTINGS,
    TWO,
    Record,
    approver_key,
    environment,
)

_DEV = environment("dev", order=1, tolerates="all-but-data-loss", allows_dirty=True, approvals=0)
_PROD = environment("prod")
_RULES = {SETTINGS: Rules((_DEV, _PROD), {"ann": frozenset({"ann@example.com"})})}
_NEEDS = Seen(("it changes something",), ())
_NEEDS_NOBODY = Seen((), ())


def _audit(record: Record, *, rules: dict[str, Rules] | None = None, **how: Any) -> list[str]:
    """Judge a record: starts in prod need a person, starts in dev do not."""
    seen = how.pop("seen", None) or {
        entry.digest: _NEEDS if entry.body["environment"] == "prod" else _NEEDS_NOBODY
        for entry in record.entries
        if entry.kind is Kind.START
    }
    evidence = how.pop("evidence", lambda _start, _history: ())
    found = audit(record.entries, _RULES if rules is None else rules, seen, evidence, **how)
    return [f"{problem.kind.value}: {problem.sentence}" for problem in found]


def _in_dev(release: str = ONE) -> Record:
    """A record in which a release was wanted and is proven in dev."""
    record = Record()
    record.candidate(release)
    record.deployed(DEV, release)
    return record


def test_a_promotion_as_it_should_be_is_no_problem() -> None:
    """The control: wanted, proven before, shown, approved, started, ended."""
    record = _in_dev()
    shown = record.shown()
    record.end(record.start(approvals=(record.approval(shown),)))

    assert _audit(record) == []


def test_an_empty_promotion_needs_nobody() -> None:
    """Where nothing is changed nobody is asked, so nobody's yes is missing."""
    record = _in_dev()
    record.end(record.start())
    starts = [entry for entry in record.entries if entry.kind is Kind.START]

    assert _audit(record, seen={start.digest: _NEEDS_NOBODY for start in starts}) == []


def _without_approval(record: Record) -> None:
    record.shown()
    record.start()


def _never_proven(record: Record) -> None:
    record.candidate(TWO)
    shown = record.shown(release=TWO)
    record.start(release=TWO, approvals=(record.approval(shown),))


def _never_wanted(record: Record) -> None:
    record.deployed(DEV, TWO)


def _used_twice(record: Record) -> None:
    approval = record.approval(record.shown())
    record.end(record.start(approvals=(approval,)), Outcome.FAILED)
    record.start(operation=Operation.RECOVERY, approvals=(approval,))


def _used_again_after_another(record: Record) -> None:
    approval = record.approval(record.shown())
    record.end(record.start(approvals=(approval,)))
    record.candidate(TWO)
    record.deployed(DEV, TWO)
    second = record.approval(record.shown(release=TWO, change_set=OTHER_CHANGES))
    record.end(record.start(release=TWO, change_set=OTHER_CHANGES, approvals=(second,)))
    record.start(operation=Operation.ROLLBACK, approvals=(approval,))


def _of_another_change_set(record: Record) -> None:
    approval = record.approval(record.shown())
    record.start(change_set=OTHER_CHANGES, approvals=(approval,))


def _voided_by_another_showing(record: Record) -> None:
    approval = record.approval(record.shown())
    record.shown(change_set=OTHER_CHANGES)
    record.start(approvals=(approval,))


def _expired(record: Record) -> None:
    approval = record.approval(record.shown(), hours=0.02)
    record.start(approvals=(approval,))


def _after_a_rejection(record: Record) -> None:
    shown = record.shown()
    approval = record.approval(shown)
    record.rejection(shown)
    record.start(approvals=(approval,))


def _under_a_hold(record: Record) -> None:
    record.hold()
    shown = record.shown()
    record.start(approvals=(record.approval(shown),))


def _over_a_hold_set_since(record: Record) -> None:
    approval = record.approval(record.shown())
    record.hold()
    record.unhold()
    record.start(approvals=(approval,))


def _by_a_key_revoked_since(record: Record) -> None:
    approval = record.approval(record.shown())
    record.write(Kind.REVOCATION, {"key": approver_key("bob").keyid, "reason": "stolen"}, "ann")
    record.start(approvals=(approval,))


def _of_another_operation(record: Record) -> None:
    record.end(record.start(approvals=(record.approval(record.shown()),)))
    record.start(approvals=(record.approval(record.shown()),), operation=Operation.HEAL)


def _for_ten_years(record: Record) -> None:
    record.start(approvals=(record.approval(record.shown(), hours=87600),))


def _in_another_account(record: Record) -> None:
    approval = record.approval(record.shown())
    _change(record, record.start(approvals=(approval,)), account="999999999999")


def _in_another_region(record: Record) -> None:
    approval = record.approval(record.shown())
    _change(record, record.start(approvals=(approval,)), region="us-east-1")


def _under_other_settings(record: Record) -> None:
    approval = record.approval(record.shown())
    _change(record, record.start(approvals=(approval,)), settings="sha256:" + "9" * 64)


def _approved_under_other_settings(record: Record) -> None:
    approval = record.approval(record.shown(), settings="sha256:" + "9" * 64)
    record.start(approvals=(approval,))


def _by_an_approval_that_is_none(record: Record) -> None:
    shown = record.shown()
    record.start(approvals=(shown,))


def _by_one_approval_named_twice(record: Record) -> None:
    approval = record.approval(record.shown())
    record.start(approvals=(approval, approval))


def _while_another_was_open(record: Record) -> None:
    approval = record.approval(record.shown())
    record.start(approvals=(approval,))
    record.start(approvals=())


def _while_degraded(record: Record) -> None:
    approval = record.approval(record.shown())
    record.end(record.start(approvals=(approval,)), Outcome.FAILED)
    again = record.approval(record.shown())
    record.start(approvals=(again,))


def _approved_as_something_else(record: Record) -> None:
    record.approval(record.shown(), change_set=OTHER_CHANGES)


def _approved_for_another_account(record: Record) -> None:
    record.approval(record.shown(), account="999999999999")


def _approving_what_is_not_shown(record: Record) -> None:
    _change(record, record.approval(record.shown()), shown="sha256:" + "9" * 64)


def _rejecting_what_is_not_shown(record: Record) -> None:
    _change(record, record.rejection(record.shown()), shown="sha256:" + "9" * 64)


def _ended_twice(record: Record) -> None:
    start = record.start(DEV)
    record.end(start)
    record.end(start)


def _ending_nothing(record: Record) -> None:
    _change(record, record.end(record.start(DEV)), start="sha256:" + "9" * 64)


def _ending_as_another_release(record: Record) -> None:
    _change(record, record.end(record.start(DEV)), release=TWO)


def _change(record: Record, entry: Entry, **fields: Any) -> None:
    """Make the newest entry say something else (whoever holds the ledger key can write anything)."""
    assert record.entries[-1] is entry
    record.entries[-1] = replace(entry, body={**entry.body, **fields})


def _start_of(record: Record) -> Entry:
    return next(entry for entry in reversed(record.entries) if entry.kind is Kind.START)


@pytest.mark.parametrize(
    ("spoil", "problems"),
    [
        (_without_approval, ["missing: {start} went past a no: 1 approval missing"]),
        (_never_proven, ["missing: {start} went past a no: 222222222222 is not proven in dev"]),
        (
            _never_wanted,
            ["missing: entry 5 (start in dev) carries release 222222222222, which no candidate named"],
        ),
        (
            _used_twice,
            [
                "not-allowed: {start} uses the approval of entry 6, which entry 7 used up",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _used_again_after_another,
            [
                "not-allowed: {start} uses the approval of entry 6, which entry 7 used up",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _of_another_change_set,
            ["missing: {start} went past a no: 1 approval missing: it changes something"],
        ),
        (
            _voided_by_another_showing,
            [
                "stale: {start} uses the approval of entry 6, which was void by then",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _expired,
            [
                "missing: {start} went past a no: 1 approval missing: it changes something; the one by bob does"
            ],
        ),
        (
            _after_a_rejection,
            [
                "stale: {start} uses the approval of entry 6, which was void by then",
                "not-allowed: {start} went past a no: bob rejected this change set",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (_under_a_hold, ["not-allowed: {start} went past a no: bob holds prod"]),
        (
            _over_a_hold_set_since,
            [
                "stale: {start} uses the approval of entry 6, which was void by then",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _by_a_key_revoked_since,
            [
                "stale: {start} uses the approval of entry 6, which was void by then",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _of_another_operation,
            [
                (
                    "missing: {start} went past a no: 1 approval missing: it changes something; the one by bob does "
                    "not count, it is for another operation"
                )
            ],
        ),
        (
            _for_ten_years,
            [
                (
                    "missing: {start} went past a no: 1 approval missing: it changes something; the one by bob does "
                    "not count, it was given for longer than the 4 hours that prod allows"
                )
            ],
        ),
        (
            _in_another_account,
            [
                "not-allowed: {start} was in the account 999999999999 in ap-northeast-2, not in 300000000003",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (
            _in_another_region,
            [
                "not-allowed: {start} was in the account 300000000003 in us-east-1, not in",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (_under_other_settings, ["stale: {start} rests on settings that did not count then"]),
        (_approved_under_other_settings, ["missing: {start} went past a no: 1 approval missing"]),
        (
            _by_an_approval_that_is_none,
            [
                "missing: {start} names an approval (",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (_by_one_approval_named_twice, ["forged: {start} names one approval twice"]),
        (
            _while_another_was_open,
            [
                "not-allowed: {start} was started while entry 7 had no end",
                "missing: {start} went past a no: 1 approval missing",
            ],
        ),
        (_while_degraded, ["not-allowed: {start} went past a no: the last change did not hold"]),
        (
            _approved_as_something_else,
            ["forged: entry 6 (approval) has another change_set than entry 5 (shown)"],
        ),
        (
            _approved_for_another_account,
            ["forged: entry 6 (approval) has another account than entry 5 (shown)"],
        ),
        (
            _approving_what_is_not_shown,
            ["missing: entry 6 (approval) names a shown that does not stand before it"],
        ),
        (
            _rejecting_what_is_not_shown,
            ["missing: entry 6 (rejection) names a shown that does not stand before it"],
        ),
        (_ended_twice, ["forged: entry 7 (end) ends again what entry 6 ended"]),
        (_ending_nothing, ["missing: entry 6 (end) names a start that does not stand before it"]),
        (_ending_as_another_release, ["forged: entry 6 (end) has another release than entry 5 (start)"]),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_each_thing_that_should_not_have_happened_is_named(
    spoil: Callable[[Record], None], problems: list[str]
) -> None:
    """Nothing but the trouble itself is named, in the order in which it happened."""
    record = _in_dev()
    assert _audit(record) == []
    spoil(record)

    found = _audit(record)
    start = f"entry {_start_of(record).number} (start in prod)"
    expected = [problem.replace("{start}", start) for problem in problems]
    assert len(found) == len(expected), found
    assert all(one.startswith(other) for one, other in zip(found, expected, strict=True)), found


def _people(record: Record, quorum: int, *signers: str, **how: Any) -> list[str]:
    shown = record.shown()
    record.start(approvals=tuple(record.approval(shown, by) for by in signers))
    rules = {SETTINGS: Rules((_DEV, environment("prod", approvals=quorum)), _RULES[SETTINGS].identities)}
    return _audit(record, rules=rules, **how)


def test_a_quorum_is_of_different_people() -> None:
    """Two yeses by two people are two, by one person one."""
    assert _people(_in_dev(), 2, "bob", "carol") == []
    (problem,) = _people(_in_dev(), 2, "bob", "bob")
    assert "went past a no: 1 approval missing" in problem


def test_a_quorum_is_of_different_keys() -> None:
    """Two names on one key are one."""
    record = _in_dev()
    shown = record.shown()
    first, second = record.approval(shown, "bob"), record.approval(shown, "carol")
    record.entries[-1] = second = replace(second, key=first.key)
    record.start(approvals=(first, second))

    rules = {SETTINGS: Rules((_DEV, environment("prod", approvals=2)))}
    (problem,) = _audit(record, rules=rules)
    assert "went past a no: 1 approval missing" in problem


@pytest.mark.parametrize("maker", ["bob", "BOB", "bob@example.com"])
def test_nobody_approves_their_own_work(maker: str) -> None:
    """By the name or the address of any commit since what is deployed; not asked on a laptop."""
    for target, expected in (("aws", 1), ("local", 0)):
        record = Record()
        genesis = record.entries[0]
        record.entries[0] = replace(genesis, body={**genesis.body, "target": target})
        record.candidate(people=(maker,))
        record.deployed(DEV)
        environments = tuple(
            replace(each, accounts={target: "300000000003"}, soak_minutes=0) for each in (_DEV, _PROD)
        )
        rules = {SETTINGS: Rules(environments, {"bob": frozenset({"bob@example.com"})})}
        shown = record.shown()
        record.start(approvals=(record.approval(shown, "bob"),))

        found = _audit(record, rules=rules)
        assert len(found) == expected, found
        assert all("they made a part of this release" in problem for problem in found)


def test_a_revert_opens_nobodys_own_work() -> None:
    """Where what is deployed is wanted again, what still waits has the makers that it had before."""
    record = Record()
    genesis = record.entries[0]
    record.entries[0] = replace(genesis, body={**genesis.body, "target": "aws"})
    rules = {
        SETTINGS: Rules(tuple(replace(each, accounts={"aws": "300000000003"}) for each in (_DEV, _PROD)))
    }
    record.candidate(by="ci")
    record.deployed(DEV)
    record.end(record.start(approvals=(record.approval(record.shown(), "carol"),)))
    record.candidate(TWO, people=("bob",), by="ci")
    record.deployed(DEV, TWO)
    approval = record.approval(record.shown(release=TWO, change_set=OTHER_CHANGES), "bob")
    record.candidate(people=("carol",), by="ci")
    record.start(release=TWO, change_set=OTHER_CHANGES, approvals=(approval,))

    (problem,) = _audit(record, rules=rules)
    assert "the one by bob does not count, they made a part of this release" in problem


def test_a_broken_glass_is_a_yes_of_one_and_past_holds() -> None:
    """It is what it is for; what it may not break stays shut."""
    record = _in_dev()
    record.hold()
    glass = record.approval(record.shown(), "bob", glass=True)
    record.end(record.start(approvals=(glass,)))
    rules = {SETTINGS: Rules((_DEV, environment("prod", approvals=2)))}

    assert _audit(record, rules=rules) == []
    forged = Problem(ProblemKind.FORGED, "the check unit is forged")
    found = _audit(record, rules=rules, evidence=lambda _start, _history: (forged,))
    assert found[-1] == "forged: entry 8 (start in prod) went past a no: the check unit is forged"


@pytest.mark.parametrize("kind", list(ProblemKind))
def test_bad_evidence_is_named_as_what_it_is(kind: ProblemKind) -> None:
    """What was the matter with the evidence then is the start's problem now, of the same kind."""
    record = _in_dev()

    def evidence(start: Entry, history: History) -> tuple[Problem, ...]:
        assert history.newest is not None
        assert history.newest.number == start.number - 1
        return (Problem(kind, "the check unit is not as it should be"),)

    found = _audit(record, evidence=evidence)
    assert found == [f"{kind}: entry 3 (start in dev) went past a no: the check unit is not as it should be"]


def test_a_way_back_takes_old_evidence_and_no_other() -> None:
    """Healing with what is deployed does not fail because its tests are old; it does where they are forged."""
    record = _in_dev()
    record.start(DEV, operation=Operation.HEAL)
    for kind, number in ((ProblemKind.STALE, 1), (ProblemKind.FORGED, 2)):
        found = _audit(record, evidence=lambda _start, _history, kind=kind: (Problem(kind, "so it is"),))
        assert len(found) == number


def test_settings_that_nobody_can_read_judge_nothing() -> None:
    """Without its settings a start cannot be shown to be right, so it is not."""
    found = _audit(_in_dev(), rules={})

    assert found == ["missing: entry 3 (start in dev) has no settings by which it can be judged"]


def test_a_change_set_that_nobody_can_read_needs_a_person() -> None:
    """What was applied without a document that says what it was is not taken for harmless."""
    found = _audit(_in_dev(), seen={"nothing": _NEEDS})

    assert found == [
        "missing: entry 3 (start in dev) went past a no: 1 approval missing: nobody can read what was applied"
    ]


def test_only_some_releases_may_be_asked_for() -> None:
    """What went wrong with another release is not this one's problem."""
    record = _in_dev()
    record.shown(release=TWO)
    record.start(release=TWO)

    assert _audit(record, releases=frozenset({ONE})) == []
    assert _audit(record, releases=frozenset({TWO})) != []
