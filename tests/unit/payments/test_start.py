"""The start of the program: which adapters stand behind the ports, and the handler itself."""

import importlib
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from payments.adapters.dynamodb import DynamoDbPayments
from payments.adapters.s3 import S3Receipts, S3TransactionLog
from payments.adapters.sandbox import SandboxProvider
from payments.adapters.stripe import StripeProvider
from payments.bootstrap import build_ports
from payments.domain.errors import ProviderUnavailableError
from tests.unit.payments.http import LAMBDA_CONTEXT, SETTINGS, Api, request_event
from tests.unit.payments.memory import ListTelemetry, World
from tests.unit.payments.test_settings import COMPLETE

STRIPE = replace(SETTINGS, payment_provider="stripe", payment_provider_secret="payments/provider")


@pytest.fixture(autouse=True)
def _lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda gives every function: a region and credentials, else looked for in the network."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


def test_production_stands_on_aws_and_the_sandbox() -> None:
    """The sandbox moves the money where the settings say so; everything else is AWS."""
    ports = build_ports(SETTINGS, ListTelemetry())

    assert isinstance(ports.payments, DynamoDbPayments)
    assert isinstance(ports.log, S3TransactionLog)
    assert isinstance(ports.receipts, S3Receipts)
    assert isinstance(ports.provider, SandboxProvider)
    assert ports.now().utcoffset() is not None


def test_stripes_key_comes_from_the_named_secret() -> None:
    """Where the settings say stripe, its key is read from Secrets Manager by the name in the settings."""
    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name="payments/provider", SecretString="sk_test_2")
        provider = build_ports(STRIPE, ListTelemetry()).provider

        assert isinstance(provider, StripeProvider)
        assert provider._api_key() == "sk_test_2"


def test_a_line_break_behind_the_key_is_no_part_of_it() -> None:
    """A secret that was put there from a file ends with a line break, which no header can carry."""
    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name="payments/provider", SecretString="sk_test_2\n")
        provider = build_ports(STRIPE, ListTelemetry()).provider

        assert isinstance(provider, StripeProvider)
        assert provider._api_key() == "sk_test_2"


def test_without_its_key_the_provider_is_not_available(world: World) -> None:
    """A secret that is not there is the provider's 503, logged by AWS's code; a retry with the key may come at once."""
    with mock_aws():
        stripe = build_ports(STRIPE, ListTelemetry()).provider
        api = Api(world, ports=lambda: replace(world.ports, provider=stripe))
        replies = [api.pay("k"), api.pay("k")]

        with pytest.raises(
            ProviderUnavailableError, match="the payment provider could not be asked"
        ) as error:
            stripe.charge("pay_1", amount=1, currency="KRW", token="pm_1")

    assert [reply.body["type"] for reply in replies] == ["urn:tollgate:problem:provider-unavailable"] * 2
    assert replies[0].headers["Retry-After"] == "2"
    assert "ResourceNotFoundException" in str(error.value.__cause__)


def test_the_handler_reads_its_environment_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its environment complete, the module that Lambda imports answers a request with its release."""
    for name, value in (COMPLETE | {"ENVIRONMENT_SUFFIX": "dev"}).items():
        monkeypatch.setenv(name, value)
    # Imported anew: the module reads the environment once, when it is imported.
    module = importlib.reload(importlib.import_module("payments.entrypoints.api"))

    answer = module.handler(request_event("GET", "/health"), LAMBDA_CONTEXT)

    assert (answer["statusCode"], '"release": "unreleased"' in answer["body"]) == (200, True)
