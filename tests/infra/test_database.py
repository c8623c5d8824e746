"""The transactions table and its two indexes."""

import pytest

from infra.constructs.database import (
    CAPACITY_UNITS,
    CUSTOMER_INDEX,
    DATE_INDEX,
    Capacity,
    TransactionsTable,
    TransactionsTableProps,
)
from infra.errors import InfraError
from tests.infra.synthesis import NAMES, Stack, has_resource, only, synth

TABLE = "aws_dynamodb_table"


def table(**props: object) -> Stack:
    made = TransactionsTableProps(names=NAMES, **props)  # type: ignore[arg-type]  # the tests choose what to give
    return synth(lambda scope: TransactionsTable(scope, "Table", made))


@pytest.fixture(scope="module")
def default() -> Stack:
    return table()


@pytest.fixture(scope="module")
def provisioned() -> Stack:
    return table(capacity=Capacity(read_units=11, write_units=7))


def test_name_ends_with_the_suffix(default: Stack) -> None:
    """The table is called after what it holds and its instance."""
    assert has_resource(default, TABLE, {"name": "transactions-pr-42"})


def test_keys(default: Stack) -> None:
    """A payment is found by partition and sort key."""
    assert has_resource(default, TABLE, {"hash_key": "pk", "range_key": "sk"})


@pytest.mark.parametrize(
    ("name", "hash_key"), [(CUSTOMER_INDEX, "customer_id"), (DATE_INDEX, "transaction_date")]
)
def test_index_answers_in_order_of_time(default: Stack, name: str, hash_key: str) -> None:
    """Each index finds whole payments by its key, in order of time, so a page can follow a page."""
    indexes = {index["name"]: index for index in only(default, TABLE)["global_secondary_index"]}

    assert indexes[name]["hash_key"] == hash_key
    assert indexes[name]["range_key"] == "created_at"
    assert indexes[name]["projection_type"] == "ALL"


def test_only_key_attributes_are_declared(default: Stack) -> None:
    """DynamoDB refuses a declared attribute that is no key of the table or an index."""
    body = only(default, TABLE)
    keys = {body["hash_key"], body["range_key"]}
    for index in body["global_secondary_index"]:
        keys |= {index["hash_key"], index["range_key"]}

    assert {attribute["name"] for attribute in body["attribute"]} == keys


def test_is_encrypted(default: Stack) -> None:
    """Items are encrypted by KMS with the AWS-managed key: none is named."""
    assert only(default, TABLE)["server_side_encryption"] == {"enabled": True}


def test_can_be_restored_by_default(default: Stack) -> None:
    """Point-in-time recovery is on unless somebody says otherwise."""
    assert has_resource(default, TABLE, {"point_in_time_recovery": {"enabled": True}})


def test_restoring_can_be_given_up_by_name() -> None:
    """Point-in-time recovery that is off is stated, not left out."""
    assert has_resource(
        table(point_in_time_recovery=False), TABLE, {"point_in_time_recovery": {"enabled": False}}
    )


def test_items_may_expire(default: Stack) -> None:
    """An item that names its end is removed by DynamoDB."""
    assert has_resource(default, TABLE, {"ttl": {"attribute_name": "expires_at", "enabled": True}})


def test_can_be_destroyed(default: Stack) -> None:
    """Nothing protects the table from being destroyed with its stack."""
    assert has_resource(default, TABLE, {"deletion_protection_enabled": False})


def test_is_billed_per_request_by_default(default: Stack) -> None:
    """Without a capacity nothing is provisioned, neither of the table nor of an index."""
    body = only(default, TABLE)

    assert body["billing_mode"] == "PAY_PER_REQUEST"
    assert not [key for part in (body, *body["global_secondary_index"]) for key in part if "capacity" in key]


def test_capacity_is_that_of_the_table_and_of_each_index(provisioned: Stack) -> None:
    """An index has the table's capacity: each write to the table is one to the index."""
    body = only(provisioned, TABLE)

    assert body["billing_mode"] == "PROVISIONED"
    for part in (body, *body["global_secondary_index"]):
        assert (part["read_capacity"], part["write_capacity"]) == (11, 7)


@pytest.mark.parametrize("units", [CAPACITY_UNITS[0] - 1, CAPACITY_UNITS[1] + 1])
@pytest.mark.parametrize("field", ["read_units", "write_units"])
def test_impossible_capacity_is_refused(field: str, units: int) -> None:
    """A capacity outside the range is refused with the field, the value and both ends of the range."""
    given = {"read_units": 1, "write_units": 1, field: units}

    with pytest.raises(InfraError, match=rf"{field} is {units}, expected 1 to 40000"):
        Capacity(**given)
