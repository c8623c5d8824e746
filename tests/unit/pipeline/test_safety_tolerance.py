"""What each environment tolerates without a person."""

import pytest

from pipeline.model.change_set import Action, ChangeSet, Check, OutputChange
from pipeline.model.errors import UsageError
from pipeline.model.safety import Finding, Kind, Severity, findings, needs_person
from pipeline.model.safety.tolerance import NOT_TOLERATED
from pipeline.model.values import Known
from tests.unit.pipeline.change_sets import attribute, change, change_set

_SOMETHING = change_set(change("aws_sns_topic", Action.UPDATE, attribute("display_name", "a", "b")))


def _finding(kind: Kind) -> Finding:
    return Finding("rule/x", kind, Severity.HIGH, "aws_a.it", f"something about {kind.value}")


@pytest.mark.parametrize(
    ("tolerates", "kind", "needs"),
    [
        ("all-but-data-loss", Kind.DATA_LOSS, True),
        ("all-but-data-loss", Kind.ACCESS, False),
        ("all-but-data-loss", Kind.PROTECTION, False),
        ("all-but-data-loss", Kind.DISRUPTION, False),
        ("no-widening", Kind.DATA_LOSS, True),
        ("no-widening", Kind.ACCESS, True),
        ("no-widening", Kind.PROTECTION, True),
        ("no-widening", Kind.OUTSIDE, True),
        ("no-widening", Kind.UNPROVEN, True),
        ("no-widening", Kind.DISRUPTION, False),
        ("no-widening", Kind.DRIFT, False),
        ("nothing", Kind.DISRUPTION, True),
        ("nothing", Kind.DRIFT, True),
    ],
)
def test_each_environment_tolerates_by_kind(tolerates: str, kind: Kind, needs: bool) -> None:
    """A finding of a kind that the environment does not tolerate needs a person, and is named to them."""
    reasons = needs_person(_SOMETHING, (_finding(kind),), tolerates)
    assert any(kind.value in reason for reason in reasons) == needs


def test_where_nothing_is_tolerated_any_change_needs_a_person() -> None:
    """Prod changes by nothing without a person, not even by an output."""
    output = change_set(outputs=(OutputChange("url", Action.UPDATE, Known.of("a"), Known.of("b")),))
    for something in (_SOMETHING, output):
        assert needs_person(something, (), "nothing") == ("staging is changed by nothing without a person",)
        assert needs_person(something, (), "no-widening") == ()


@pytest.mark.parametrize("tolerates", NOT_TOLERATED)
@pytest.mark.parametrize("empty", [change_set(), change_set(checks=(Check("check.c", "fail"),))])
def test_an_empty_change_set_needs_nobody(tolerates: str, empty: ChangeSet) -> None:
    """Nothing would be applied, so there is nothing to say yes to."""
    assert needs_person(empty, findings(empty), tolerates) == ()


def test_an_unknown_tolerance_is_refused() -> None:
    """A misspelt setting tolerates nothing; it is an error."""
    with pytest.raises(UsageError, match="no tolerance 'everything'"):
        needs_person(_SOMETHING, (), "everything")


def test_many_findings_of_a_kind_make_one_reason() -> None:
    """A reason names the first and counts the rest, so that it can be read."""
    found = tuple(
        Finding("rule/x", Kind.DATA_LOSS, Severity.HIGH, f"aws_a.n{n}", f"deletes {n}") for n in range(3)
    )
    assert needs_person(_SOMETHING, found, "all-but-data-loss") == ("data loss: deletes 0 (and 2 more)",)


@pytest.mark.parametrize("kind", Kind)
def test_tolerances_grow(kind: Kind) -> None:
    """What a stricter environment lets pass, a laxer one lets pass too."""
    strictness = [kind in NOT_TOLERATED[word] for word in ("all-but-data-loss", "no-widening", "nothing")]
    assert strictness == sorted(strictness)
