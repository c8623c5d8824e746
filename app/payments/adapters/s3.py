"""The transaction log and the receipts: one JSON object each, written once."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from payments.domain.errors import StorageUnavailableError
from payments.domain.payment import Event

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3TransactionLog:
    """The `TransactionLog` that production uses."""

    def __init__(self, client: "S3Client", *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def append(self, payment_id: str, event: Event) -> None:
        """Keep an event under its number, so that a listing of a payment is its history in order."""
        document = {"payment_id": payment_id, **asdict(event)}
        _put_once(
            self._client, self._bucket, f"payments/{payment_id}/{event.number:04}-{event.kind}.json", document
        )


class S3Receipts:
    """The `Receipts` that production uses."""

    def __init__(self, client: "S3Client", *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, payment_id: str, receipt: Mapping[str, str | int]) -> None:
        """Keep a receipt under its payment's id."""
        _put_once(self._client, self._bucket, _receipt_key(payment_id), receipt)

    def get(self, payment_id: str) -> dict[str, str | int]:
        """Read a receipt; without a permission to list, S3 refuses one that is not there like any other."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=_receipt_key(payment_id))["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise StorageUnavailableError("the receipt could not be read", payment_id=payment_id) from error
        receipt: dict[str, str | int] = json.loads(body)
        return receipt


def _receipt_key(payment_id: str) -> str:
    return f"receipts/{payment_id}.json"


def _put_once(client: "S3Client", bucket: str, key: str, document: Mapping[str, object]) -> None:
    try:
        client.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(document, sort_keys=True).encode(),
            ContentType="application/json",
            IfNoneMatch="*",  # window d: what was delivered before stays as it is
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise StorageUnavailableError("a record could not be written") from error
    except BotoCoreError as error:
        raise StorageUnavailableError("a record could not be written") from error
