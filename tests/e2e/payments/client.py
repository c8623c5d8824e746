"""A client of the deployed API, and what the account shows behind it."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

AGAIN = {
    f"urn:tollgate:problem:{name}"
    for name in ("busy", "in-progress", "storage-unavailable", "too-many-requests")
}
PATIENCE_SECONDS = 600
PAYMENT = {"amount": 1500, "currency": "KRW", "customer_id": "cus_ada", "payment_method": "tok_visa"}


class Deployed(Protocol):
    """A deployed instance, as tests/e2e/conftest.py hands it out.

    Attributes:
        url: Base URL, including the stage.
        api_key: The API key.
        outputs: The stack's outputs.
        boto3: Makes a client of one of the account's services.
    """

    url: str
    api_key: str
    outputs: Mapping[str, str]
    boto3: Callable[[str], Any]


@dataclass(frozen=True)
class Reply:
    """An answer; a body that is not JSON fails the test that reads it."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """The body, read."""
        return json.loads(self.text)


def secrets_of(body: object, key: str | None, path: str) -> set[str]:
    """What a request holds that no log may hold; what is too short to be told from other text is left out."""
    told = [key, path.removeprefix("/customers/").partition("/")[0]]
    if isinstance(body, dict):
        notes = body.get("metadata")
        told += [body.get("payment_method"), body.get("customer_id")]
        told += notes.values() if isinstance(notes, dict) else []
    return {text for text in told if isinstance(text, str) and len(text) > 5}


class Client:
    """Calls the deployed API as any HTTP client would.

    Attributes:
        told: What it has sent that no log may hold: keys, tokens, customers, notes.
    """

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self.told = {deployed.api_key}

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        key: str | None = None,
        query: Mapping[str, str] | None = None,
        api_key: str | None = "",
        data: bytes | None = None,
    ) -> Reply:
        """Send one request and return the answer, whatever its status."""
        self.told |= secrets_of(body, key, path)
        headers = {"Content-Type": "application/json"}
        if api_key is not None:
            headers["x-api-key"] = api_key or self._deployed.api_key
        if key is not None:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(
            f"{self._deployed.url}{path}" + (f"?{urlencode(query)}" if query else ""),
            data=data if data is not None else None if body is None else json.dumps(body).encode(),
            headers=headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return Reply(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Reply(refusal.code, refusal.read().decode(), dict(refusal.headers))

    def patiently(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request as docs/api.md asks: again when it came too fast, is worked on, or a store was away."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                reply = self.call(method, path, **request)
            except (TimeoutError, urllib.error.URLError):
                # Nobody knows whether it worked: this is what the key is for.
                assert time.monotonic() < deadline, f"no answer within {PATIENCE_SECONDS} s"
                continue
            if reply.status not in {409, 429, 503} or reply.body["type"] not in AGAIN:
                return reply
            assert time.monotonic() < deadline, f"still {reply.status}: {reply.text}"
            time.sleep(float(reply.headers.get("Retry-After", "0.5")))

    def pay(self, key: str | None = None, **changes: object) -> Reply:
        """Ask for a payment, under a key of its own unless one is given."""
        return self.patiently("POST", "/payments", body=PAYMENT | changes, key=key or str(uuid.uuid4()))

    def refund(self, payment_id: str, key: str | None = None, **body: object) -> Reply:
        """Ask for a refund, under a key of its own unless one is given."""
        path = f"/payments/{payment_id}/refunds"
        return self.patiently("POST", path, body=body, key=key or str(uuid.uuid4()))


class Account:
    """What stands behind the API."""

    def __init__(self, deployed: Deployed) -> None:
        self._outputs = deployed.outputs
        self._boto3 = deployed.boto3

    def item(self, payment_id: str) -> dict[str, Any] | None:
        """A payment's item in the table."""
        key = {"pk": {"S": payment_id}, "sk": {"S": "payment"}}
        answer = self._boto3("dynamodb").get_item(
            TableName=self._outputs["transactions_table_name"], Key=key, ConsistentRead=True
        )
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def items(self) -> int:
        """How many items the table holds."""
        pages = self._boto3("dynamodb").get_paginator("scan")
        table = self._outputs["transactions_table_name"]
        return sum(page["Count"] for page in pages.paginate(TableName=table, Select="COUNT"))

    def events(self, payment_id: str) -> list[str]:
        """The names of a payment's events in the transaction log, in order."""
        objects = self._boto3("s3").list_objects_v2(
            Bucket=self._outputs["transaction_log_bucket_name"], Prefix=f"payments/{payment_id}/"
        )
        return [found["Key"].rpartition("/")[2] for found in objects.get("Contents", [])]

    def logged(self, since: float, holding: str = "") -> list[str]:
        """What the function has logged since a moment, line by line; all of it, or what holds a text."""
        return self._lines(f"/aws/lambda/{self._outputs['function_name']}", since, holding)

    def logged_anywhere(self, since: float) -> str:
        """What the account's every log group has got since a moment."""
        logs = self._boto3("logs")
        pages = logs.get_paginator("describe_log_groups").paginate()
        lines: list[str] = []
        for group in [group["logGroupName"] for page in pages for group in page["logGroups"]]:
            with suppress(
                logs.exceptions.ResourceNotFoundException
            ):  # another test has just destroyed its instance
                lines += self._lines(group, since)
        return "\n".join(lines)

    def _lines(self, group: str, since: float, holding: str = "") -> list[str]:
        pages = self._boto3("logs").get_paginator("filter_log_events")
        asked = {"logGroupName": group, "startTime": int(since * 1000)}
        if holding:
            asked["filterPattern"] = f'"{holding}"'
        return [event["message"] for page in pages.paginate(**asked) for event in page["events"]]
