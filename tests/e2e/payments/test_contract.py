"""The deployed API keeps to its published document, whatever it is sent."""

import json
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

schema = schemathesis.openapi.from_dict(
    json.loads(OPENAPI.read_text()),
    config=schemathesis.Config.from_dict(
        {"generation": {"mode": "all", "max-examples": 100, "deterministic": True}}
    ),
)


@schema.parametrize()
def test_every_answer_is_one_that_is_documented(case: schemathesis.Case[Any], deployed_dev: Deployed) -> None:
    """Good requests and bad ones alike get a documented status, type and body, and never a 5xx."""
    case.call_and_validate(
        base_url=deployed_dev.url, headers={"x-api-key": deployed_dev.api_key}, checks=CHECKS, timeout=300
    )
