"""The deployed API keeps to its published document, whatever it is sent."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.payments.client import Deployed

pytestmark = pytest.mark.cloud

OPENAPI = Path(__file__).parents[3] / "app" / "openapi.json"
# Named, because the default checks trip over API Gateway itself (TRACE is 403 there, not 405).
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

# What can be answered well without knowing a payment; a run in which they never are has tried nothing but refusals.
NEED_NO_PAYMENT = {"createPayment", "getHealth", "listCustomerPayments", "listPayments"}

schema = schemathesis.openapi.from_dict(
    json.loads(OPENAPI.read_text()),
    config=schemathesis.Config.from_dict(
        {"generation": {"mode": "all", "max-examples": 100, "deterministic": True}}
    ),
)


@pytest.fixture(scope="module")
def answered() -> Iterator[dict[str, set[int]]]:
    """The statuses that each operation has answered with; good requests were among what was tried."""
    statuses: dict[str, set[int]] = defaultdict(set)
    yield statuses
    assert [name for name in statuses if name in NEED_NO_PAYMENT and not statuses[name] & {200, 201}] == []


@schema.parametrize()
def test_every_answer_is_one_that_is_documented(
    case: schemathesis.Case[Any], deployed_dev: Deployed, answered: dict[str, set[int]]
) -> None:
    """Good requests and bad ones alike get a documented status, type and body, and never a 5xx."""
    answer = case.call_and_validate(
        base_url=deployed_dev.url, headers={"x-api-key": deployed_dev.api_key}, checks=CHECKS, timeout=300
    )
    answered[case.operation.definition.raw["operationId"]].add(answer.status_code)
