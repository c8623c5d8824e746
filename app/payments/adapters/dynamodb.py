"""Payments in one DynamoDB table: an item holds a whole payment, and its version guards it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from payments.domain.errors import StaleVersionError, StorageUnavailableError
from payments.domain.payment import Event, Payment, Refund, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SORT_KEY = "payment"
STALE = "somebody else changed the payment first"
UNAVAILABLE = "the payments could not be read or written"


class DynamoDbPayments:
    """The `PaymentStore` that production uses."""

    def __init__(self, client: "DynamoDBClient", *, table: str, customer_index: str, date_index: str) -> None:
        self._client = client
        self._table = table
        self._customer_index = customer_index
        self._date_index = date_index

    def create(self, payment: Payment) -> Payment:
        """Closes the window at the start: of many puts of one id, DynamoDB lets one through."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_to_item(payment),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise StorageUnavailableError(UNAVAILABLE) from error
            # botocore's type of an error does not know the item that ALL_OLD asks for
            return _from_item(cast("Any", error.response)["Item"])
        except BotoCoreError as error:
            raise StorageUnavailableError(UNAVAILABLE) from error
        return payment

    def replace(self, payment: Payment) -> Payment:
        """Closes windows a, b and d: only the version that was read can be replaced."""
        changed = replace(payment, version=payment.version + 1)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_to_item(changed),
                ConditionExpression="version = :read",
                ExpressionAttributeValues={":read": {"N": str(payment.version)}},
            )
        except ClientError as error:
            if _condition_failed(error):
                raise StaleVersionError(STALE, payment_id=payment.id) from None
            raise StorageUnavailableError(UNAVAILABLE) from error
        except BotoCoreError as error:
            raise StorageUnavailableError(UNAVAILABLE) from error
        return changed

    def get(self, payment_id: str) -> Payment | None:
        """Read with strong consistency: a decision made on an old copy would only be refused."""
        try:
            answer = self._client.get_item(
                TableName=self._table, Key=_texts(_key(payment_id)), ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise StorageUnavailableError(UNAVAILABLE) from error
        item = answer.get("Item")
        return _from_item(item) if item else None

    def by_customer(
        self, customer_id: str, *, since: str, until: str, limit: int, after: Payment | None
    ) -> list[Payment]:
        """Query the customer index, newest first."""
        return self._query(
            self._customer_index,
            "customer_id = :owner AND created_at BETWEEN :since AND :until",
            {":owner": customer_id, ":since": since, ":until": until},
            limit,
            {"customer_id": after.customer_id, **_position(after)} if after else None,
        )

    def by_date(self, date: str, *, limit: int, after: Payment | None) -> list[Payment]:
        """Query the date index, newest first."""
        return self._query(
            self._date_index,
            "transaction_date = :day",
            {":day": date},
            limit,
            {"transaction_date": after.transaction_date, **_position(after)} if after else None,
        )

    def _query(
        self,
        index: str,
        condition: str,
        values: Mapping[str, str],
        limit: int,
        start: Mapping[str, str] | None,
    ) -> list[Payment]:
        found: list[Payment] = []
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": _texts(values),
            "ScanIndexForward": False,
        }
        if start:
            query["ExclusiveStartKey"] = _texts(start)
        while True:  # DynamoDB cuts an answer at 1 MB, which may be before the limit
            try:
                answer = self._client.query(Limit=limit - len(found), **query)
            except (ClientError, BotoCoreError) as error:
                raise StorageUnavailableError(UNAVAILABLE) from error
            found += [_from_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or len(found) >= limit:
                return found
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def _key(payment_id: str) -> dict[str, str]:
    return {"pk": payment_id, "sk": SORT_KEY}


def _position(payment: Payment) -> dict[str, str]:
    """Where a payment stands in either index, besides the index's own partition."""
    return {**_key(payment.id), "created_at": payment.created_at}


def _texts(values: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"S": value} for name, value in values.items()}


def _to_item(payment: Payment) -> dict[str, Any]:
    fields = asdict(payment)
    keys = {"pk": fields.pop("id"), "sk": SORT_KEY, "transaction_date": payment.transaction_date}
    return {name: _serialize(_plain(value)) for name, value in (keys | fields).items()}


def _from_item(item: Mapping[str, Any]) -> Payment:
    fields = {name: _plain(_deserialize(value)) for name, value in item.items()}
    del fields["sk"], fields["transaction_date"]
    return Payment(
        **fields
        | {
            "id": fields.pop("pk"),
            "status": Status(fields["status"]),
            "refunds": tuple(
                Refund(**refund | {"status": Status(refund["status"])}) for refund in fields["refunds"]
            ),
            "outbox": tuple(Event(**event) for event in fields["outbox"]),
        }
    )


def _plain(value: Any) -> Any:
    """Tuples become lists on the way in; DynamoDB's decimals become the integers they are on the way out."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value


def _condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
