"""Waivers: what they take away, and what they may not do."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from policies.gate.finding import Finding
from policies.gate.waivers import WARN_DAYS, Waived, Waiver, apply_waivers, read_waivers

TODAY = dt.date(2026, 11, 23)
TABLE = Finding("PAY_DYNAMODB_2", "title", "payments-dev", "aws_dynamodb_table.t", "Api/Table", "off", "fix")
KNOWN = {"release", "payments-dev", "payments-prod"}
WAIVABLE = {"PAY_DYNAMODB_2", "PAY_S3_1"}


def waiver(**changes: object) -> Waiver:
    """A waiver that fits the finding, but for the changes."""
    facts: dict[str, object] = {
        "policy": "PAY_DYNAMODB_2",
        "constructs": ("Api/Table",),
        "stacks": ("payments-dev",),
        "reason": "test data",
        "owner": "platform",
        "expires": TODAY + dt.timedelta(days=100),
    }
    return Waiver(**{**facts, **changes})  # type: ignore[arg-type]  # facts of every kind


def applied(*waivers: Waiver, findings: tuple[Finding, ...] = (TABLE,), today: dt.date = TODAY) -> Waived:
    """The waivers over the finding."""
    return apply_waivers(list(findings), list(waivers), WAIVABLE, {"payments-dev"}, KNOWN, today)


def test_a_fitting_waiver_takes_the_finding_away() -> None:
    """The finding is listed as waived, with its waiver, and nothing is left open."""
    result = applied(waiver())

    assert result == Waived(open=[], waived=[(TABLE, waiver())], problems=[], warnings=[])


def test_without_a_waiver_the_finding_stays_open() -> None:
    """No waiver, no change."""
    assert applied() == Waived(open=[TABLE])


def test_a_waiver_of_another_construct_is_unused() -> None:
    """A path must fit exactly; one that fits nothing is a problem, and the finding stays."""
    result = applied(waiver(constructs=("Api/Tab",)))

    assert result.open == [TABLE]
    assert result.problems == ["The waiver of PAY_DYNAMODB_2 is used by nothing at payments-dev/Api/Tab."]


def test_every_construct_of_a_waiver_has_to_be_used() -> None:
    """One path that fits does not carry another that does not."""
    result = applied(waiver(constructs=("Api/Table", "Api/Gone")))

    assert result.open == []
    assert result.problems == ["The waiver of PAY_DYNAMODB_2 is used by nothing at payments-dev/Api/Gone."]


def test_a_waiver_for_a_stack_that_is_not_judged_is_left_alone() -> None:
    """Judging dev alone does not call prod's waivers unused."""
    assert applied(waiver(), waiver(stacks=("payments-prod",))).problems == []


def test_a_stack_that_does_not_exist_is_a_problem() -> None:
    """A misspelt stack would otherwise be one that nobody judges, and its waiver never unused."""
    result = applied(waiver(), waiver(stacks=("payments-dev", "payments-prd")))

    assert result.problems == ["The waiver of PAY_DYNAMODB_2 names payments-prd, which is no stack."]


def test_an_unknown_policy_is_a_problem() -> None:
    """A misspelt id waives nothing and is named."""
    result = applied(waiver(policy="PAY_DYNAMODB_22"))

    assert result.open == [TABLE]
    assert result.problems == ["A waiver names PAY_DYNAMODB_22, which is no policy that can be waived."]


def test_what_may_not_be_waived_is_not() -> None:
    """A waiver of a rule that allows none is a problem, and its finding stays."""
    forbidden = Finding("PAY_RELEASE_2", "t", "payments-dev", "aws_x.y", "Api/Table", "r", "f")

    result = applied(waiver(policy="PAY_RELEASE_2"), findings=(forbidden,))

    assert result.open == [forbidden]
    assert len(result.problems) == 1


@given(days=st.integers(-400, 400))
def test_a_waiver_counts_until_its_last_day_and_warns_before(days: int) -> None:
    """Up to and with its last day it counts, a day later it is a problem; the last two weeks warn."""
    result = applied(waiver(expires=TODAY + dt.timedelta(days=days)))

    assert bool(result.waived) == (days >= 0)
    assert bool(result.open) == bool(result.problems) == (days < 0)
    assert bool(result.warnings) == (0 <= days <= WARN_DAYS)


def test_the_written_waivers_are_whole_and_limited() -> None:
    """Every recorded waiver has a reason of some length, an owner, and at most a year to live."""
    waivers = read_waivers()

    assert waivers
    assert all(len(w.reason) > 20 and w.owner for w in waivers)
    assert all((w.expires - dt.datetime.now(tz=dt.UTC).date()).days <= 366 for w in waivers)
