"""One contract for each port, kept by the adapters in memory and by those for AWS (on moto)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from payments.adapters.dynamodb import DynamoDbPayments
from payments.adapters.s3 import S3Receipts, S3TransactionLog
from payments.domain.errors import StaleVersionError, StorageUnavailableError
from payments.domain.payment import Event, Payment, Status, new_payment
from payments.domain.ports import PaymentStore, Receipts, TransactionLog
from tests.unit.payments.memory import MemoryLog, MemoryPayments, MemoryReceipts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBERS = count()
RECEIPT: dict[str, str | int] = {"payment_id": "pay_1", "amount": 1500}


@dataclass
class Aws:
    """A table and a bucket of an emulated account, and the clients that reach them."""

    table: str
    bucket: str
    dynamodb: Any
    s3: Any

    @property
    def store(self) -> DynamoDbPayments:
        """The payments in that table."""
        return DynamoDbPayments(
            self.dynamodb, table=self.table, customer_index="customer-index", date_index="date-index"
        )

    @property
    def log(self) -> S3TransactionLog:
        """The log in that bucket."""
        return S3TransactionLog(self.s3, bucket=self.bucket)

    @property
    def receipts(self) -> S3Receipts:
        """The receipts in that bucket."""
        return S3Receipts(self.s3, bucket=self.bucket)


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    """An emulated AWS account in this process."""
    with mock_aws():
        yield


@pytest.fixture
def aws(account: None) -> Aws:
    """A new table and a new bucket."""
    number = next(NUMBERS)
    once = Config(region_name="ap-northeast-2", retries={"total_max_attempts": 1})
    aws = Aws(
        f"payments-{number}",
        f"records-{number}",
        boto3.client("dynamodb", config=once),
        boto3.client("s3", config=once),
    )
    indexes = {"customer-index": "customer_id", "date-index": "transaction_date"}
    keys = {"pk": "HASH", "sk": "RANGE"}
    aws.dynamodb.create_table(
        TableName=aws.table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in (*keys, *indexes.values(), "created_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, name in indexes.items()
        ],
    )
    aws.s3.create_bucket(
        Bucket=aws.bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
    )
    return aws


@pytest.fixture(params=["memory", "aws"])
def store(request: pytest.FixtureRequest) -> PaymentStore:
    """Each payment store in turn."""
    aws: Aws | None = request.getfixturevalue("aws") if request.param == "aws" else None
    return aws.store if aws else MemoryPayments()


@pytest.fixture(params=["memory", "aws"])
def log(request: pytest.FixtureRequest) -> tuple[TransactionLog, Any]:
    """Each transaction log in turn, and a function that reads an event's time back."""
    if request.param == "memory":
        memory = MemoryLog()
        return memory, lambda event: memory.events["pay_1", event.number].at
    aws: Aws = request.getfixturevalue("aws")

    def read(event: Event) -> str:
        key = f"payments/pay_1/{event.number:04}-{event.kind}.json"
        return str(json.load(aws.s3.get_object(Bucket=aws.bucket, Key=key)["Body"])["at"])

    return aws.log, read


@pytest.fixture(params=["memory", "aws"])
def receipts(request: pytest.FixtureRequest) -> Receipts:
    """Each store of receipts in turn."""
    return request.getfixturevalue("aws").receipts if request.param == "aws" else MemoryReceipts()


def a_payment(number: int = 1, **changes: Any) -> Payment:
    """A payment with everything in it, made some seconds after noon."""
    payment = new_payment(
        payment_id=f"pay_{number}",
        fingerprint="f",
        amount=1500,
        currency="KRW",
        customer_id="cus_ada",
        metadata={"note": "ünïcode ✓", "empty": ""},
        now=NOON + timedelta(seconds=number),
    )
    payment = payment.capture("ch_1", NOON).reserve_refund("re_1", "g", 500, NOON)
    return replace(payment.complete_refund("re_1", "rf_1", NOON), **changes)


def test_a_payment_comes_back_as_it_was(store: PaymentStore) -> None:
    """What is stored is what is read: every field, type and order."""
    payment = a_payment()
    store.create(payment)

    assert store.get("pay_1") == payment


def test_an_unknown_payment_is_none(store: PaymentStore) -> None:
    """A payment that was never stored is none."""
    assert store.get("pay_unknown") is None


def test_the_first_of_an_id_stays(store: PaymentStore) -> None:
    """Creating returns the same object to the winner and the winner's payment to everybody else."""
    first, second = a_payment(), a_payment(amount=9)

    assert store.create(first) is first
    assert store.create(second) == first
    assert store.get("pay_1") == first


def test_a_change_of_the_version_that_was_read_is_stored(store: PaymentStore) -> None:
    """Replacing counts the version up and stores the change."""
    changed = store.replace(replace(store.create(a_payment()), status=Status.DECLINED))

    assert changed.version == 2
    assert store.get("pay_1") == changed


def test_a_change_of_an_older_version_is_refused(store: PaymentStore) -> None:
    """Of two changes of one version the second is refused and changes nothing."""
    read = store.create(a_payment())
    first = store.replace(replace(read, amount=1))

    with pytest.raises(StaleVersionError):
        store.replace(replace(read, amount=2))
    assert store.get("pay_1") == first


def test_a_payment_that_is_not_there_cannot_be_changed(store: PaymentStore) -> None:
    """Replacing never creates."""
    with pytest.raises(StaleVersionError):
        store.replace(a_payment())
    assert store.get("pay_1") is None


def test_lists_are_newest_first_and_bounded(store: PaymentStore) -> None:
    """A customer's and a day's payments come newest first, at most so many, after a given one."""
    made = [store.create(a_payment(number)) for number in range(1, 6)]
    store.create(a_payment(7, customer_id="cus_other", created_at="2026-03-02T00:00:00.000000Z"))
    span = {"since": "2026-03-01", "until": "2026-03-02"}

    assert store.by_customer("cus_ada", **span, limit=9, after=None) == made[::-1]
    assert store.by_customer("cus_ada", **span, limit=2, after=made[3]) == [made[2], made[1]]
    assert store.by_customer("cus_ada", **span, limit=2, after=made[0]) == []
    assert store.by_date("2026-03-01", limit=2, after=None) == [made[4], made[3]]
    assert store.by_date("2026-03-01", limit=9, after=made[1]) == [made[0]]


def test_a_customers_list_keeps_to_its_span(store: PaymentStore) -> None:
    """Both ends of the span are included."""
    made = [store.create(a_payment(number)) for number in range(1, 6)]
    found = store.by_customer(
        "cus_ada", since=made[1].created_at, until=made[3].created_at, limit=9, after=None
    )

    assert found == made[3:0:-1]


def test_an_event_is_kept_once(log: tuple[TransactionLog, Any]) -> None:
    """An event that is appended again stays as it was first."""
    event = Event(number=1, kind="created", at="then", facts={"amount": 1})
    log[0].append("pay_1", event)
    log[0].append("pay_1", replace(event, at="later"))

    assert log[1](event) == "then"


def test_a_receipt_is_kept_once(receipts: Receipts) -> None:
    """A receipt that is written again stays as it was first."""
    receipts.put("pay_1", RECEIPT)
    receipts.put("pay_1", RECEIPT | {"amount": 9})

    assert receipts.get("pay_1") == RECEIPT


def test_a_receipt_that_is_not_there_cannot_be_read(receipts: Receipts) -> None:
    """A receipt that was never kept, or is gone, is a store's failure; whoever knows its age may know better."""
    with pytest.raises(StorageUnavailableError, match="the receipt could not be read"):
        receipts.get("pay_1")


def test_a_payment_is_read_up_to_date(aws: Aws) -> None:
    """A read asks DynamoDB for strong consistency, which an emulator always gives."""
    asked: list[bool] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: asked.append(params["ConsistentRead"])
    )

    aws.store.get("pay_1")

    assert asked == [True]


def test_an_answer_that_dynamodb_cut_is_read_on(aws: Aws) -> None:
    """A page of more than one megabyte, which DynamoDB gives in parts, is complete."""
    metadata = {f"key{number}": "x" * 500 for number in range(100)}
    made = [aws.store.create(a_payment(number, metadata=metadata)) for number in range(22)]
    calls: list[str] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb.Query", lambda **_: calls.append("query"))

    found = aws.store.by_date("2026-03-01", limit=22, after=None)

    assert found == made[::-1]
    assert len(calls) > 1


def test_a_store_that_refuses_is_unavailable(aws: Aws) -> None:
    """An AWS error is a StorageUnavailableError with the error behind it, whatever was asked."""
    gone = replace(aws, table="gone", bucket="gone-for-good")

    fails_everywhere(gone, "ClientError|NotFound|NoSuch")


def test_a_store_that_does_not_answer_is_unavailable(aws: Aws) -> None:
    """No answer is a StorageUnavailableError too."""

    def no_network(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="nowhere")

    for client in (aws.dynamodb, aws.s3):
        client.meta.events.register("before-send", no_network)

    fails_everywhere(aws, "EndpointConnectionError")


def fails_everywhere(aws: Aws, cause: str) -> None:
    """Check every call of the AWS adapters."""
    event = Event(number=1, kind="created", at="then", facts={})
    calls = (
        lambda: aws.store.create(a_payment()),
        lambda: aws.store.replace(a_payment()),
        lambda: aws.store.get("pay_1"),
        lambda: aws.store.by_date("2026-03-01", limit=1, after=None),
        lambda: aws.store.by_customer("cus", since="0", until="9", limit=1, after=None),
        lambda: aws.log.append("pay_1", event),
        lambda: aws.receipts.put("pay_1", RECEIPT),
        lambda: aws.receipts.get("pay_1"),
    )
    for call in calls:
        with pytest.raises(StorageUnavailableError) as caught:
            call()
        assert caught.value.__cause__ is not None
        assert any(name in repr(type(caught.value.__cause__).__mro__) for name in cause.split("|"))
