"""Indexes of a table: which ones go, which are built anew, and which only stand elsewhere in the list."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deploy.plan_json import read_plan
from pipeline.model.change_set import Action, AttributeChange
from pipeline.model.safety import Finding, Kind, Severity, findings
from pipeline.model.values import Unknown
from tests.unit.pipeline.change_sets import IDENTITY, KEY, attribute, change, change_set, recorded

_BLOCK = "global_secondary_index"
_ADDRESS = "aws_dynamodb_table.PaymentApi_Transactions_509540E3"

_Index = dict[str, Any]


def _index(name: str, hash_key: str = "customer_id", **other: Any) -> _Index:
    base = {"non_key_attributes": [], "projection_type": "ALL", "range_key": "created_at", "read_capacity": 0}
    return {**base, "name": name, "hash_key": hash_key, **other}


def _stack(indexes: list[_Index]) -> dict[str, Any]:
    """As a release writes them: without what is empty, in its own order."""
    kind, name = _ADDRESS.split(".")
    blocks = [{key: value for key, value in index.items() if value} for index in reversed(indexes)]
    return {"resource": {kind: {name: {_BLOCK: blocks}}}}


def _found(before: list[_Index], after: list[_Index], *, with_stack: bool = True) -> list[Finding]:
    """The findings about the real table when its plan says that its indexes change so."""
    plan = recorded("weakened-stack")
    (table,) = [item for item in plan["resource_changes"] if item["address"] == _ADDRESS]
    old, new = ({**table["change"]["before"], _BLOCK: side} for side in (before, after))
    table["change"] = {"actions": ["update"], "before": old, "after": new, "after_unknown": {}}
    plan["resource_changes"] = [table]
    stack = _stack(after) if with_stack else None
    read = read_plan(plan, **{**IDENTITY, "suffix": "dev"}, secret_key=KEY, stack=stack)
    return list(findings(read, stack=stack))


_CUSTOMER, _DATE = _index("customer-index"), _index("date-index", "transaction_date")


@pytest.mark.parametrize(
    ("after", "gone"),
    [([_CUSTOMER], "date-index"), ([_DATE], "customer-index"), ([_CUSTOMER, _index("x")], "date-index")],
)
def test_an_index_that_goes_is_data_loss(after: list[_Index], gone: str) -> None:
    """The index is named, wherever it stood in the list, and the one that stays is not."""
    (finding,) = _found([_CUSTOMER, _DATE], after)
    assert (finding.rule, finding.kind, finding.severity) == (
        "data-loss/index",
        Kind.DATA_LOSS,
        Severity.HIGH,
    )
    assert finding.subject == gone
    assert f"deletes the index {gone} of" in finding.sentence


@pytest.mark.parametrize(
    "other",
    [
        {"hash_key": "pk"},
        {"range_key": "sk"},
        {"projection_type": "KEYS_ONLY"},
        {"projection_type": "INCLUDE", "non_key_attributes": ["a"]},
    ],
)
def test_an_index_that_is_built_anew_is_data_loss(other: _Index) -> None:
    """Other keys or another projection delete the index first."""
    assert {finding.rule for finding in _found([_CUSTOMER, _DATE], [{**_CUSTOMER, **other}, _DATE])} == {
        "data-loss/index"
    }


def test_more_capacity_or_one_more_index_is_no_finding() -> None:
    """What keeps every index as it was is nothing to think about, wherever the new one sorts."""
    assert _found([_CUSTOMER, _DATE], [{**_CUSTOMER, "read_capacity": 5}, _DATE]) == []
    for name in ("a-index", "d-index", "z-index"):
        after = sorted([_CUSTOMER, _DATE, _index(name, "sk")], key=lambda index: str(index["name"]))
        assert _found([_CUSTOMER, _DATE], after) == []


_KEYS = st.sampled_from(["pk", "sk", "customer_id"])
_LISTS = st.lists(
    st.builds(_index, st.sampled_from("abc"), _KEYS, range_key=_KEYS),
    max_size=3,
    unique_by=lambda index: str(index["name"]),
)


@given(_LISTS, _LISTS, st.booleans())
def test_no_index_is_lost_unseen(before: list[_Index], after: list[_Index], with_stack: bool) -> None:
    """If any index goes or has other keys, something is found; with the stack, nothing else is found."""
    later = {index["name"]: index for index in after}
    loses = any(later.get(index["name"]) != index for index in before)
    found = _found(before, after, with_stack=with_stack)
    assert found or not loses
    assert loses or not with_stack or not found


@pytest.mark.parametrize("after", [None, Unknown(), Unknown(("var.indexes",))])
def test_indexes_that_go_all_at_once_are_found(after: Any) -> None:
    """A whole list that goes or becomes unknown is taken for all of them."""

    def found(change_: AttributeChange) -> set[str]:
        update = change("aws_dynamodb_table", Action.UPDATE, change_)
        return {finding.rule for finding in findings(change_set(update))}

    assert found(attribute(_BLOCK, [_CUSTOMER], after)) == {"data-loss/index"}
    assert found(attribute(_BLOCK, None, after)) == set()
    assert found(attribute(_BLOCK, [], after)) == set()
