"""The API called as API Gateway calls it, on the world in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from payments.domain.ports import Ports, Telemetry
from payments.entrypoints.application import Handler, build_handler
from payments.settings import Settings
from tests.unit.payments.memory import World

SETTINGS = Settings(
    environment="dev",
    environment_suffix="dev",
    release="sha256:" + "0" * 64,
    transactions_table="transactions-dev",
    transaction_log_bucket="log-dev",
    receipts_bucket="receipts-dev",
    customer_index="customer-index",
    date_index="date-index",
    payment_provider="sandbox",
    payment_provider_secret="none",
    max_amount_minor=1_000_000,
    receipt_retention_days=90,
)
LAMBDA_CONTEXT = SimpleNamespace(
    function_name="payments",
    memory_limit_in_mb=256,
    invoked_function_arn="arn",
    aws_request_id="lambda-request",
    log_stream_name="worker-1",
)
PAYMENT = {"amount": 1500, "currency": "KRW", "customer_id": "cus_ada", "payment_method": "tok_visa"}


@dataclass(frozen=True)
class Reply:
    """An answer, with its body read."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def request_event(
    method: str,
    path: str,
    *,
    body: object = None,
    raw_body: str | None = None,
    key: str | None = None,
    query: Mapping[str, str | list[str]] | None = None,
    client: str | None = "client-1",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An API Gateway REST event, format 1.0."""
    all_headers = {"Content-Type": "application/json"} | dict(headers or {})
    if key is not None:
        all_headers["Idempotency-Key"] = key
    several = {name: text if isinstance(text, list) else [text] for name, text in (query or {}).items()}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": all_headers,
        "multiValueHeaders": {name: [text] for name, text in all_headers.items()},
        "queryStringParameters": {name: texts[-1] for name, texts in several.items()} or None,
        "multiValueQueryStringParameters": several or None,
        "requestContext": {"requestId": "request-1", "identity": {"apiKeyId": client} if client else {}},
        "body": raw_body if raw_body is not None else None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


@dataclass
class Api:
    """A client of the API."""

    world: World = field(default_factory=World)
    settings: Settings = SETTINGS
    ports: Callable[[], Ports] | None = None

    def __post_init__(self) -> None:
        """Start the service."""
        self.handler: Handler = build_handler(self.settings, self._connect)

    def _connect(self, _settings: Settings, _telemetry: Telemetry) -> Ports:
        return self.ports() if self.ports else self.world.ports

    def call(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request."""
        return self.send(request_event(method, path, **request))

    def send(self, event: dict[str, Any]) -> Reply:
        """Send an event as it is."""
        answer = self.handler(event, LAMBDA_CONTEXT)
        headers = {name: texts[0] for name, texts in answer["multiValueHeaders"].items()}
        return Reply(answer["statusCode"], json.loads(answer["body"]), headers)

    def pay(self, key: str = "key-1", **changes: object) -> Reply:
        """Ask for a payment."""
        client = changes.pop("client", "client-1")
        return self.call("POST", "/payments", body=PAYMENT | changes, key=key, client=client)

    def refund(self, payment_id: str, key: str = "refund-1", **body: object) -> Reply:
        """Ask for a refund."""
        return self.call("POST", f"/payments/{payment_id}/refunds", body=body, key=key)
