"""The gates: one row per reason to say no, and the certainty that more trouble never turns a no into a yes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.environment import Instance
from pipeline.model.facts import EvidenceProblem, Facts
from pipeline.model.freeze import Freeze, Once
from pipeline.model.gates import Decision, Reason, decide
from pipeline.model.history import read_history
from pipeline.model.kinds import Operation, Outcome
from pipeline.model.ledger import Entry
from tests.unit.pipeline.record import (
    ACCOUNT,
    CHANGES,
    DEV,
    ONE,
    OTHER_CHANGES,
    PROD,
    SETTINGS,
    START,
    TWO,
    Record,
    approver_key,
    environment,
)

_NOW = START + timedelta(hours=1)
_WHY = ("it changes something",)


def _facts(record: Record, **other: Any) -> Facts:
    """Facts under which prod takes release ONE without a word, but for what `record` and `other` say."""
    proven = Record()
    proven.deployed(DEV)
    plain: dict[str, Any] = {
        "environment": environment("prod"),
        "before": environment("dev"),
        "history": record.of(PROD),
        "history_before": proven.of(DEV),
        "candidate": read_history(record.entries).candidate,
        "operation": Operation.FORWARD,
        "release": ONE,
        "now": _NOW,
        "newest": record.entries[-1].time,
        "settings": SETTINGS,
        "account": ACCOUNT["account"],
        "region": ACCOUNT["region"],
    }
    return Facts(**plain | other)


def _gates(decision: Decision) -> list[str]:
    return [reason.gate for reason in decision.reasons]


def test_without_trouble_it_goes_on() -> None:
    """Proven before, clean, neither rejected nor in need of a person: nothing stands in the way."""
    decision = decide(_facts(Record()))

    assert (decision.allowed, decision.reasons, decision.approvals) == (True, (), ())


# --- order


def test_what_was_not_proven_before_is_stopped() -> None:
    """The environment before must have proven exactly this release."""
    other = Record()
    other.deployed(DEV, TWO)

    decision = decide(_facts(Record(), history_before=other.of(DEV)))

    assert decision.reasons == (
        Reason("order", "111111111111 is not proven in dev", "`nox -s promote` carries it through dev first"),
    )


@pytest.mark.parametrize("outcome", [None, Outcome.FAILED, Outcome.ERRORED])
def test_what_no_longer_holds_before_is_stopped(outcome: Outcome | None) -> None:
    """A release that was proven before does not go on while that environment is broken or at work."""
    broken = Record()
    broken.deployed(DEV)
    start = broken.start(DEV)
    if outcome is not None:
        broken.end(start, outcome)

    assert _gates(decide(_facts(Record(), history_before=broken.of(DEV)))) == ["order"]


def test_the_first_environment_has_none_before_it() -> None:
    """Where nothing comes before, nothing has to be proven before."""
    assert decide(_facts(Record(), before=None, history_before=None)).allowed


def test_a_preview_needs_no_proof_from_before() -> None:
    """An instance beside the main one is on nobody's way."""
    preview = Record().of(Instance("prod", "pr-42"))

    assert decide(_facts(Record(), history=preview, history_before=Record().of(DEV))).allowed


# --- clean


def test_a_dirty_release_is_stopped() -> None:
    """A release from uncommitted files goes no further than where that is allowed."""
    record = Record()
    record.candidate(dirty=True)

    decision = decide(_facts(record))

    assert _gates(decision) == ["clean"]
    assert "--allow-dirty" in decision.reasons[0].unblock


@pytest.mark.parametrize(
    ("candidate", "allows_dirty"),
    [
        ({"dirty": True}, True),
        ({"dirty": True, "dirty_allowed": True}, False),
        ({"dirty": False}, False),
        ({"dirty": True, "release": TWO}, False),
    ],
    ids=["the environment allows it", "a person allowed it", "it is clean", "it is another release"],
)
def test_what_is_clean_enough_goes_on(candidate: dict[str, Any], allows_dirty: bool) -> None:
    """Dirtiness stops only the release it is about, where nobody allowed it."""
    record = Record()
    record.candidate(**candidate)

    assert decide(_facts(record, environment=environment("prod", allows_dirty=allows_dirty))).allowed


# --- rejection


@pytest.mark.parametrize(
    ("other", "stopped"),
    [
        ({}, True),
        ({"change_set": CHANGES}, True),
        ({"change_set": OTHER_CHANGES}, False),
        ({"release": TWO, "before": None}, False),
        ({"ask_again": True}, False),
        ({"operation": Operation.DESTROY}, False),
    ],
    ids=["no plan yet", "the same", "another change set", "another release", "asked again", "destroy"],
)
def test_a_rejection_stops_what_was_rejected(other: dict[str, Any], stopped: bool) -> None:
    """A no holds for that release's change set, until somebody asks again; it stops nothing else."""
    record = Record()
    record.rejection(record.shown())

    expected = ["rejection"] if stopped else []
    assert _gates(decide(_facts(record, **other))) == expected


def test_a_rejection_says_who_and_why() -> None:
    """The reason names the person and repeats their words."""
    record = Record()
    record.rejection(record.shown(), by="carol")

    (reason,) = decide(_facts(record)).reasons

    assert reason.sentence == "carol rejected this change set: not on a Friday"


# --- clock, soak, evidence


@pytest.mark.parametrize(("minutes", "stopped"), [(-3, True), (-1, False), (0, False), (600, False)])
def test_a_clock_behind_the_ledger_is_stopped(minutes: int, stopped: bool) -> None:
    """Where the newest entry lies in the future, an expired approval would look valid; two minutes are forgiven."""
    decision = decide(_facts(Record(), newest=_NOW, now=_NOW + timedelta(minutes=minutes)))

    assert _gates(decision) == (["clock"] if stopped else [])


@pytest.mark.parametrize(("minutes", "stopped"), [(0, False), (57, False), (59, True)])
def test_a_release_soaks_before_it_goes_on(minutes: int, stopped: bool) -> None:
    """The environment before must have carried the release as long as this one wants; the reason says until when."""
    decision = decide(_facts(Record(), environment=environment("prod", soak_minutes=minutes)))

    assert _gates(decision) == (["soak"] if stopped else [])
    assert all("run again after 2026-01-01T10:01" in reason.unblock for reason in decision.reasons)
    assert decide(
        _facts(Record(), environment=environment("prod", soak_minutes=minutes), relaxed=True)
    ).allowed


@pytest.mark.parametrize(
    ("operation", "stale", "stopped"),
    [
        (Operation.FORWARD, True, True),
        (Operation.FORWARD, False, True),
        (Operation.RECOVERY, True, False),
        (Operation.RECOVERY, False, True),
        (Operation.DESTROY, False, False),
    ],
)
def test_evidence_that_is_not_whole_stops(operation: Operation, stale: bool, stopped: bool) -> None:
    """Old evidence stops what goes forward, forged or missing evidence every way but a destroy."""
    problem = EvidenceProblem("no result of the check policies", stale)

    decision = decide(_facts(Record(), evidence=(problem,), operation=operation))

    assert _gates(decision) == (["evidence"] if stopped else [])
    assert [reason.sentence for reason in decision.reasons] == ([problem.sentence] if stopped else [])


# --- freeze, hold, degraded, drift


@pytest.mark.parametrize(
    ("start", "until", "name", "stopped"),
    [
        (-60, 60, "prod", True),
        (0, 1, "prod", True),
        (1, 60, "prod", False),
        (-60, 0, "prod", False),
        (-60, 60, "dev", False),
    ],
    ids=["in it", "at its first minute", "before it", "at its last minute", "another environment's"],
)
def test_nothing_moves_in_a_freeze(start: int, until: int, name: str, stopped: bool) -> None:
    """A recorded freeze stops its environment from its first moment until its last."""
    record = Record()
    record.freeze(_NOW + timedelta(minutes=start), _NOW + timedelta(minutes=until), name)

    decision = decide(_facts(record, freezes=read_history(record.entries).freezes))

    assert _gates(decision) == (["freeze"] if stopped else [])
    assert all(reason.sentence.endswith(": the holidays") for reason in decision.reasons)


def test_a_freeze_in_the_settings_counts_beside_the_recorded_ones() -> None:
    """Deny wins: windows of the settings and of the ledger are all asked."""
    window = Freeze("the year's end", Once(_NOW - timedelta(days=1), _NOW + timedelta(days=1)))

    decision = decide(_facts(Record(), environment=environment("prod", freezes=(window,))))

    assert [reason.sentence for reason in decision.reasons] == [
        "prod is frozen until 2026-01-02T10:00+00:00: the year's end"
    ]


def test_a_hold_stops_until_it_is_ended() -> None:
    """The reason names who holds, since when and why, and the command that lets it go on."""
    record = Record()
    hold = record.hold()

    (reason,) = decide(_facts(record)).reasons
    record.unhold()

    assert reason == Reason(
        "hold",
        f"bob holds prod since {hold.at}: the auditors are here",
        '`nox -s unhold -- prod --reason "…"` lets it go on',
    )
    assert decide(_facts(record)).allowed


@pytest.mark.parametrize("proven", [True, False])
def test_a_degraded_instance_offers_both_ways_out(proven: bool) -> None:
    """Forward again always, back where there is something to go back to."""
    record = Record()
    if proven:
        record.deployed()
    record.end(record.start(release=TWO), Outcome.FAILED)

    (reason,) = decide(_facts(record)).reasons

    assert reason.gate == "degraded"
    assert "`nox -s recover -- prod` goes forward again" in reason.unblock
    assert ('`nox -s rollback -- prod --reason "…"` goes back' in reason.unblock) is proven


def test_drift_stops_until_somebody_knows_of_it() -> None:
    """An unknown difference stops what goes forward; acknowledged, it does not."""
    record = Record()
    record.deployed()
    drift = record.drift()

    assert _gates(decide(_facts(record))) == ["drift"]
    record.acknowledge(drift)
    assert decide(_facts(record)).allowed


@pytest.mark.parametrize(
    "operation", [Operation.HEAL, Operation.RECOVERY, Operation.ROLLBACK, Operation.FORWARD]
)
def test_a_way_back_is_not_locked_by_what_it_repairs(operation: Operation) -> None:
    """Degradation, drift, hold, freeze and soak stop what goes forward; a way back passes them and says so."""
    record = Record()
    record.deployed()
    record.hold()
    record.drift()
    record.freeze(START, START + timedelta(days=1))

    decision = decide(
        _facts(
            record,
            operation=operation,
            freezes=read_history(record.entries).freezes,
            environment=environment("prod", soak_minutes=600),
        )
    )

    passed = ["soak", "freeze", "hold", "drift"]
    forward = operation is Operation.FORWARD
    assert _gates(decision) == (passed if forward else [])
    assert [reason.gate for reason in decision.skipped] == ([] if forward else passed)


def test_a_way_back_leads_only_to_what_was_proven_there() -> None:
    """A release that never ran in the instance is no way back, wherever else it was proven."""
    record = Record()
    record.deployed(PROD, TWO)

    assert _gates(decide(_facts(record, operation=Operation.ROLLBACK))) == ["order"]
    assert decide(_facts(record, operation=Operation.ROLLBACK, release=TWO)).allowed
    assert _gates(decide(_facts(record, operation=Operation.HEAL))) == ["order"]
    assert decide(_facts(record, operation=Operation.HEAL, release=TWO)).allowed


def test_a_way_back_needs_its_approval() -> None:
    """What repairs changes something too, and that is shown and approved like anything else."""
    record = Record()
    record.deployed()

    decision = _asking(record, operation=Operation.ROLLBACK)

    assert _gates(decision) == ["approval"]


# --- break-glass


def test_breaking_the_glass_goes_past_people_and_time() -> None:
    """One person's break-glass stands for the whole quorum and passes holds, freezes and soak; all that is recorded."""
    record = Record()
    record.hold()
    glass = record.approval(record.shown(), glass=True)
    strict = environment("prod", approvals=2, soak_minutes=600)

    decision = _asking(record, environment=strict, people=frozenset({"bob"}))

    assert (decision.allowed, decision.approvals) == (True, (glass,))
    assert [reason.gate for reason in decision.skipped] == ["soak", "hold"]


def test_breaking_the_glass_does_not_go_past_evidence_or_order() -> None:
    """What a release is, and whether it was proven before, no person can replace by a word."""
    record = Record()
    record.approval(record.shown(), glass=True)
    forged = (EvidenceProblem("a result is forged"),)

    decision = _asking(record, history_before=Record().of(DEV), evidence=forged)

    assert _gates(decision) == ["order", "evidence"]


@pytest.mark.parametrize("other", [{"change_set": OTHER_CHANGES}, {"expires": START.isoformat()}])
def test_a_broken_glass_is_for_one_change_set_and_expires(other: dict[str, Any]) -> None:
    """It opens nothing but exactly what was shown, and not for ever."""
    record = Record()
    record.approval(record.shown(), glass=True, **other)

    assert _gates(_asking(record)) == ["approval"]


# --- approval


def _asking(record: Record, **other: Any) -> Decision:
    return decide(_facts(record, **{"change_set": CHANGES, "needs_person": _WHY} | other))


def test_without_a_plan_there_is_nothing_to_approve() -> None:
    """Before there is a change set nobody is asked."""
    assert decide(_facts(Record(), needs_person=_WHY)).allowed


def test_what_the_environment_tolerates_needs_nobody() -> None:
    """A change set without a reason for a person goes on, and uses no approval."""
    record = Record()
    record.approval(record.shown())

    decision = decide(_facts(record, change_set=CHANGES))

    assert (decision.allowed, decision.approvals) == (True, ())


def test_an_approval_lets_it_on_and_is_named() -> None:
    """The yes of one person to exactly this is enough where one is asked for, and the decision says which."""
    record = Record()
    approval = record.approval(record.shown())

    decision = _asking(record)

    assert (decision.allowed, decision.approvals) == (True, (approval,))


def test_a_missing_approval_says_why_and_how() -> None:
    """The reason repeats what needs a person and gives the exact command."""
    (reason,) = _asking(Record(), needs_person=("it deletes data", "it opens a port")).reasons

    assert reason == Reason(
        "approval",
        "1 approval missing: it deletes data; it opens a port",
        '`nox -s approve -- prod --reason "…"`',
    )


def test_the_command_names_the_preview() -> None:
    """For an instance beside the main one the command carries its suffix."""
    (reason,) = _asking(Record(), history=Record().of(Instance("prod", "pr-42"))).reasons

    assert reason.unblock == '`nox -s approve -- prod --suffix pr-42 --reason "…"`'


def test_an_approval_without_people_in_the_settings_still_takes_one() -> None:
    """Where a change set needs a person, an environment that asks for none gets one all the same."""
    decision = _asking(Record(), environment=environment("prod", approvals=0))

    assert [reason.sentence for reason in decision.reasons] == ["1 approval missing: it changes something"]


@pytest.mark.parametrize(
    "other",
    [
        {"change_set": OTHER_CHANGES},
        {"release": TWO},
        {"expires": START.isoformat()},
        {"account": "100000000001"},
        {"region": "eu-west-1"},
        {"settings": OTHER_CHANGES},
    ],
    ids=[
        "another change set",
        "another release",
        "expired",
        "another account",
        "another region",
        "other settings",
    ],
)
def test_an_approval_of_something_else_does_not_count(other: dict[str, Any]) -> None:
    """A yes counts for exactly what it names, and until it expires; the reason says why it does not."""
    record = Record()
    record.approval(record.shown(), **other)

    (reason,) = _asking(record).reasons
    assert reason.gate == "approval"
    assert "the one by bob does not count" in reason.sentence


def test_more_findings_than_were_in_view_void_an_approval() -> None:
    """A yes was given with certain findings in view; one more, and it does not count."""
    record = Record()
    record.approval(record.shown(), findings=["delete/one"])

    assert _asking(record, findings=("delete/one",)).allowed
    assert _gates(_asking(record, findings=("delete/one", "delete/two"))) == ["approval"]


@pytest.mark.parametrize(
    ("people", "identities", "counts"),
    [
        (("bob",), {}, False),
        (("BOB",), {}, False),
        (("b@example.com",), {"bob": frozenset({"B@example.com"})}, False),
        (("github:12",), {"bob": frozenset({"github:12"})}, False),
        (("12+Bob-x@users.noreply.github.com",), {"bob": frozenset({"github:12"})}, False),
        (("112+bob-x@users.noreply.github.com", "github:112"), {"bob": frozenset({"github:12"})}, True),
        (("ann", "a@example.com"), {"bob": frozenset({"b@example.com"})}, True),
    ],
    ids=[
        "the author",
        "in capitals",
        "by address",
        "the pusher at GitHub",
        "by GitHub's private address",
        "another account",
        "somebody else's work",
    ],
)
def test_nobody_approves_their_own_work(
    people: tuple[str, ...], identities: dict[str, frozenset[str]], counts: bool
) -> None:
    """A yes by somebody who wrote, committed or pushed something new in the release does not count."""
    record = Record()
    record.approval(record.shown(), "bob")

    decision = _asking(record, people=frozenset(people), identities=identities)

    assert decision.allowed is counts
    assert _asking(record, people=frozenset(people), identities=identities, relaxed=True).allowed


def test_a_revert_opens_nobodys_own_work() -> None:
    """While a revert to what is deployed is wanted, what was reverted still waits, and its author still made it."""
    record = Record()
    record.candidate(TWO, by="ci")
    record.deployed(release=TWO)
    record.candidate(ONE, people=("bob",), by="ci")
    record.approval(record.shown(release=ONE), "bob")
    record.candidate(TWO, people=("carol",), by="ci")
    people = read_history(record.entries).people_behind(ONE, record.of().deployed)

    (reason,) = _asking(record, people=people).reasons
    assert reason.gate == "approval"
    assert "the one by bob does not count, they made a part of this release" in reason.sentence


def test_an_approval_is_for_what_was_shown_to_be_done() -> None:
    """A yes to going forward is none to going back, though both would change the same."""
    record = Record()
    record.deployed(release=TWO)
    record.deployed(release=ONE)
    record.approval(record.shown())

    assert _asking(record).allowed
    (reason,) = _asking(record, operation=Operation.ROLLBACK).reasons
    assert "the one by bob does not count, it is for another operation" in reason.sentence


@pytest.mark.parametrize(("hours", "counts"), [(4, True), (4.1, False), (87600, False)])
def test_an_approval_lasts_no_longer_than_the_environment_lets_it(hours: float, counts: bool) -> None:
    """Whatever end it names, a yes is good for the hours that the settings give it."""
    record = Record()
    shown = record.shown()
    given = START + timedelta(minutes=len(record.entries))
    record.approval(shown, expires=(given + timedelta(hours=hours)).isoformat())

    decision = _asking(record)
    assert decision.allowed is counts
    why = "it was given for longer than the 4 hours that prod allows"
    assert all(why in reason.sentence for reason in decision.reasons)


def test_two_people_with_one_key_are_one() -> None:
    """A quorum counts different people with different keys."""
    record = Record()
    shown = record.shown()
    two = [record.approval(shown, "bob"), record.approval(shown, "carol")]
    shared = tuple(replace(entry, key=approver_key("bob")) for entry in two)
    asked = environment("prod", approvals=2)

    assert _asking(record, environment=asked).allowed
    assert _gates(_asking(record, environment=asked, history=replace(record.of(), approvals=shared))) == [
        "approval"
    ]


@pytest.mark.parametrize(("seconds", "allowed"), [(-1, True), (0, False), (1, False)])
def test_an_approval_holds_until_the_moment_it_expires(seconds: int, allowed: bool) -> None:
    """At the very second it names, an approval is over."""
    record = Record()
    record.approval(record.shown(), hours=4)
    now: datetime = START + timedelta(hours=4, seconds=seconds)

    assert _asking(record, now=now).allowed is allowed


def test_a_used_approval_does_not_count_again() -> None:
    """Once a promotion has started with it, an approval is spent."""
    record = Record()
    approval = record.approval(record.shown())
    record.end(record.start(approvals=(approval,)), Outcome.SUCCEEDED)

    assert _gates(_asking(record)) == ["approval"]


def test_an_approval_for_another_instance_does_not_count() -> None:
    """A yes to what staging shows is no yes to the same change set in prod."""
    staging = Instance("staging", "staging")
    record = Record()
    record.shown(PROD)
    record.approval(record.shown(staging))

    assert _gates(_asking(record)) == ["approval"]


def test_people_are_counted_not_their_clicks() -> None:
    """Where two people are asked for, one who says yes twice is one person."""
    record = Record()
    shown = record.shown()
    record.approval(shown, "bob")
    record.approval(shown, "bob")
    two = environment("prod", approvals=2)

    (reason,) = _asking(record, environment=two).reasons
    assert reason.sentence == "1 approval missing: it changes something"

    record.approval(shown, "carol")
    assert _asking(record, environment=two).allowed


def test_missing_people_are_counted() -> None:
    """The sentence says how many more are needed."""
    (reason,) = _asking(Record(), environment=environment("prod", approvals=3)).reasons

    assert reason.sentence.startswith("3 approvals missing")


# --- all together


def test_every_reason_is_given_at_once() -> None:
    """Whoever mends one thing is not surprised by the next: all reasons are named together."""
    record = Record()
    record.candidate(dirty=True)
    record.rejection(record.shown())

    decision = _asking(record, history_before=Record().of(DEV))

    assert _gates(decision) == ["order", "clean", "rejection", "approval"]
    assert decision.approvals == ()


def test_a_destroy_asks_for_approval_only() -> None:
    """Neither order, nor dirt, nor an earlier no to the release keeps anybody from taking it away."""
    record = Record()
    record.candidate(dirty=True)
    record.rejection(record.shown())

    decision = _asking(record, history_before=Record().of(DEV), operation=Operation.DESTROY)

    assert _gates(decision) == ["approval"]


@st.composite
def _situations(draw: st.DrawFn) -> Facts:
    """Any mixture of good and bad, as far as the gates can tell one from the other."""
    record = Record()
    if draw(st.booleans()):
        record.candidate(dirty=draw(st.booleans()), dirty_allowed=draw(st.booleans()))
    if draw(st.booleans()):
        record.rejection(record.shown())
    shown = record.shown() if draw(st.booleans()) else None
    for _ in range(draw(st.integers(0, 3)) if shown else 0):
        assert shown is not None
        person, hours = draw(st.sampled_from(["bob", "carol"])), draw(st.sampled_from([0.5, 4]))
        record.approval(shown, person, hours=hours, glass=draw(st.booleans()))
    before = Record()
    if draw(st.booleans()):
        before.deployed(DEV)
    if draw(st.booleans()):
        before.end(before.start(DEV), draw(st.sampled_from(Outcome)))
    return _facts(
        record,
        environment=environment("prod", approvals=draw(st.integers(0, 2)), allows_dirty=draw(st.booleans())),
        history_before=before.of(DEV),
        change_set=draw(st.sampled_from([None, CHANGES, OTHER_CHANGES])),
        needs_person=draw(st.sampled_from([(), _WHY])),
        ask_again=draw(st.booleans()),
        relaxed=draw(st.booleans()),
        people=draw(st.sampled_from([frozenset(), frozenset({"bob"})])),
        operation=draw(st.sampled_from(Operation)),
    )


def _dirtier(facts: Facts) -> Facts:
    record = Record()
    record.candidate(dirty=True)
    return replace(facts, candidate=read_history(record.entries).candidate)


def _rejected(facts: Facts) -> Facts:
    record = Record()
    record.rejection(record.shown(change_set=facts.change_set or CHANGES))
    return replace(facts, history=replace(facts.history, rejection=record.of().rejection))


def _less_approved(facts: Facts) -> Facts:
    return replace(facts, history=replace(facts.history, approvals=facts.history.approvals[1:]))


_BLOCKING: dict[str, Callable[[Facts], Facts]] = {
    "dirtier": _dirtier,
    "rejected": _rejected,
    "one approval less": _less_approved,
    "nothing proven before": lambda facts: replace(facts, history_before=Record().of(DEV)),
    "one more reason for a person": lambda facts: replace(
        facts, needs_person=(*facts.needs_person, "it deletes data")
    ),
    "later": lambda facts: replace(facts, now=facts.now + timedelta(hours=12)),
    "more people needed": lambda facts: replace(
        facts, environment=replace(facts.environment, approvals=facts.environment.approvals + 1)
    ),
    "dirt no longer allowed": lambda facts: replace(
        facts, environment=replace(facts.environment, allows_dirty=False)
    ),
    "not asked again": lambda facts: replace(facts, ask_again=False),
    "a clock put back": lambda facts: replace(facts, newest=facts.now + timedelta(days=1)),
    "evidence missing": lambda facts: replace(facts, evidence=(EvidenceProblem("missing"),)),
    "evidence stale": lambda facts: replace(
        facts, evidence=(*facts.evidence, EvidenceProblem("old", stale=True))
    ),
    "frozen": lambda facts: replace(facts, freezes=_frozen()),
    "held": lambda facts: replace(facts, history=replace(facts.history, hold=_held())),
    "drifted": lambda facts: replace(
        facts, history=replace(facts.history, drift=_drifted(), acknowledged=None)
    ),
    "degraded": lambda facts: replace(
        facts, history=replace(facts.history, last_end=_failed(), open_start=None)
    ),
    "soaking": lambda facts: replace(facts, environment=replace(facts.environment, soak_minutes=10**6)),
    "by its makers": lambda facts: replace(facts, people=frozenset({"bob", "carol"})),
    "other settings": lambda facts: replace(facts, settings=OTHER_CHANGES),
    "no longer relaxed": lambda facts: replace(facts, relaxed=False),
}


def _frozen() -> tuple[Entry, ...]:
    record = Record()
    record.freeze(START - timedelta(days=9), START + timedelta(days=999))
    return read_history(record.entries).freezes


def _held() -> Entry:
    return Record().hold()


def _drifted() -> Entry:
    return Record().drift()


def _failed() -> Entry:
    record = Record()
    return record.end(record.start(), Outcome.FAILED)


@given(_situations(), st.sampled_from(sorted(_BLOCKING)))
def test_more_trouble_never_turns_a_no_into_a_yes(facts: Facts, trouble: str) -> None:
    """Whatever the situation, adding a fact that speaks against it opens nothing that was closed."""
    worse = _BLOCKING[trouble](facts)

    assert decide(facts).allowed or not decide(worse).allowed


@given(_situations())
def test_a_no_always_has_a_reason_and_a_way_out(facts: Facts) -> None:
    """Each reason says what is the matter and what would change it, and a no uses up no approval."""
    decision = decide(facts)

    assert all(reason.gate and reason.sentence and reason.unblock for reason in decision.reasons)
    assert decision.allowed == (decision.reasons == ())


@given(_situations())
def test_a_yes_names_only_approvals_that_hold(facts: Facts) -> None:
    """Every approval that a yes would use is of this change set, of this release, and not expired."""
    for approval in decide(facts).approvals:
        assert approval in facts.history.approvals
        assert approval.body["change_set"] == facts.change_set
        assert approval.body["release"] == facts.release
        assert datetime.fromisoformat(approval.body["expires"]) > facts.now
