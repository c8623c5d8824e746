"""The gates: one row per reason to say no, and the certainty that more trouble never turns a no into a yes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.environment import Instance
from pipeline.model.gates import Decision, Facts, Reason, decide
from pipeline.model.history import read_history
from pipeline.model.kinds import Operation, Outcome
from tests.unit.pipeline.record import (
    CHANGES,
    DEV,
    ONE,
    OTHER_CHANGES,
    PROD,
    START,
    TWO,
    Record,
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
    [{"change_set": OTHER_CHANGES}, {"release": TWO}, {"expires": START.isoformat()}],
    ids=["another change set", "another release", "expired"],
)
def test_an_approval_of_something_else_does_not_count(other: dict[str, Any]) -> None:
    """A yes counts for exactly what it names, and until it expires."""
    record = Record()
    record.approval(record.shown(), **other)

    assert _gates(_asking(record)) == ["approval"]


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
    record.approval(record.shown())
    record.end(record.start(), Outcome.FAILED)

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
        record.approval(shown, draw(st.sampled_from(["bob", "carol"])), hours=draw(st.sampled_from([0.5, 4])))
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
}


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
