"""What is logged and counted, and what never is."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from moto import mock_aws

from payments.adapters.telemetry import COUNTS
from payments.bootstrap import build_ports
from payments.domain.ports import Ports, Telemetry
from payments.entrypoints.application import build_handler
from payments.settings import Settings
from tests.unit.payments.faults import Fault, FaultyPorts
from tests.unit.payments.http import LAMBDA_CONTEXT, PAYMENT, SETTINGS, Api, request_event
from tests.unit.payments.memory import World

SECRETS = {
    "payment_method": "tok_secret_token",
    "metadata": {"note": "Ada Lovelace, 12 Analytical St"},
    "customer_id": "cus_very_personal",
}


class LoggingApi(Api):
    """The service with the telemetry it has in production."""

    def _connect(self, settings: Settings, telemetry: Telemetry) -> Ports:
        return replace(super()._connect(settings, telemetry), telemetry=telemetry)


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that reads everything logged since the last call, as objects."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _faulty(world: World, at: int, fault: Fault) -> Ports:
    return FaultyPorts(world.ports, at, fault).ports


def everything(world: World) -> None:
    """Use every operation, well and badly, with and without faults."""
    api = LoggingApi(world)
    payment = api.pay("key-secret-1", **SECRETS).body["id"]
    api.pay("key-secret-1", **SECRETS)
    api.pay("key-secret-1", **SECRETS | {"amount": 3})
    api.refund(payment, "key-secret-2", amount=3)
    api.refund(payment, "key-secret-3", amount=30_000)
    for token in ("tok_declined", "tok_timeout", "tok_refund_declined"):
        paid = api.pay(f"key-secret-{token}", **SECRETS | {"payment_method": token})
        api.refund(paid.body.get("id", payment), f"key-secret-{token}")
    api.call("POST", "/payments", body=PAYMENT | {"payment_method": "4242424242424242"}, key="key-secret-4")
    api.call("POST", "/payments", raw_body="4242424242424242", key="key-secret-5")
    api.call("GET", "/customers/cus_very_personal/payments", headers={"x-api-key": "api-key-secret"})
    api.call("GET", f"/payments/{payment}/receipt")
    api.call("GET", "/payments", query={"date": "4242424242424242"})
    for at in range(1, 8):
        for fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER):
            faulty = LoggingApi(world, ports=partial(_faulty, world, at, fault))
            faulty.pay(f"key-secret-{at}-{fault}", **SECRETS)

    def broken() -> Ports:
        raise KeyError(SECRETS["payment_method"])

    LoggingApi(world, ports=broken).pay("key-secret-6", **SECRETS)


def test_no_log_holds_a_secret_or_a_person(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever happens, no token, key, card number, metadata or customer id is logged."""
    everything(world)

    text = "".join(capsys.readouterr())
    assert text.count("ChargeRequested") > 5
    for secret in ("tok_", "4242", "Ada", "Analytical", "cus_very", "key-secret", "api-key-secret"):
        assert secret not in text


def test_every_log_line_says_request_and_release(world: World, logs: Any) -> None:
    """Every log line has the request id and the release; those about a payment have its id."""
    everything(world)

    lines = [line for line in logs() if "_aws" not in line]
    assert all(line["request_id"] == "request-1" and line["release"] == SETTINGS.release for line in lines)
    assert all("payment_id" in line for line in lines if line["message"] in COUNTS)


def test_a_request_ends_with_one_line_that_sums_it_up(world: World, logs: Any) -> None:
    """The last line says operation, status, worker and payment."""
    payment = LoggingApi(world).pay().body["id"]

    last = [line for line in logs() if line.get("message") == "answered"][-1]
    assert (last["operation"], last["status"], last["worker"]) == ("createPayment", 201, "worker-1")
    assert last["payment_id"] == payment


def test_a_payment_id_does_not_leak_into_the_next_request(world: World, logs: Any) -> None:
    """A request about no payment is not logged with the payment of the one before."""
    api = LoggingApi(world)
    api.pay()
    logs()

    api.call("GET", "/health")

    assert all("payment_id" not in line for line in logs())


def test_a_fault_of_ours_is_500_and_logged_by_place_only(world: World, logs: Any) -> None:
    """An unexpected exception is answered without internals; the log says where it was, not what it said."""

    def broken() -> Ports:
        raise KeyError("tok_in_a_message")

    reply = LoggingApi(world, ports=broken).pay()

    failed = next(line for line in logs() if line.get("message") == "failed")
    assert (reply.status, reply.body["type"]) == (500, "urn:tollgate:problem:internal-error")
    assert failed["error"] == "KeyError"
    assert "broken" in failed["where"][-1]


def test_counts_are_emitted_as_embedded_metrics(world: World, logs: Any) -> None:
    """A captured payment counts itself and its request, per instance, in the namespace of the environment."""
    LoggingApi(world).pay()

    metrics = next(line for line in logs() if line.get("PaymentCaptured"))
    definition = metrics["_aws"]["CloudWatchMetrics"][0]
    assert definition["Namespace"] == "Tollgate/Payments"
    assert sorted(definition["Dimensions"][0]) == ["EnvironmentSuffix", "service"]
    assert (metrics["EnvironmentSuffix"], metrics["service"]) == ("dev", "payments")
    assert (metrics["Requests"], metrics["ServerErrors"]) == ([1.0], [0.0])


def test_the_ports_are_connected_once(world: World) -> None:
    """Warm requests use the connections of the first."""
    connected: list[Settings] = []

    def connect(settings: Settings, _telemetry: Telemetry) -> Ports:
        connected.append(settings)
        return world.ports

    handler = build_handler(SETTINGS, connect)
    handler(request_event("GET", "/health"), LAMBDA_CONTEXT)
    assert connected == []

    for key in ("a", "b"):
        handler(request_event("POST", "/payments", body=PAYMENT, key=key), LAMBDA_CONTEXT)
    assert connected == [SETTINGS]


def test_what_lies_behind_a_refusal_is_named(monkeypatch: pytest.MonkeyPatch, logs: Any) -> None:
    """A store that refuses is logged with AWS's error code, which no client sees."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    handler = build_handler(SETTINGS, build_ports)

    with mock_aws():
        answer = handler(request_event("POST", "/payments", body=PAYMENT, key="k"), LAMBDA_CONTEXT)

    refused = next(line for line in logs() if line.get("message") == "refused")
    assert refused["cause"] == "ResourceNotFoundException"
    assert answer["statusCode"] == 503
    assert "ResourceNotFound" not in answer["body"]
