"""What is read out of the OpenAPI document."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from infra.api_definition import ApiDefinition, Problem
from infra.errors import InfraError
from infra.main import OPENAPI

PROBLEM = {"type": "urn:test", "title": "No"}
DOCUMENT: dict[str, Any] = {
    "security": [{"apiKey": []}],
    "paths": {
        "/health": {"get": {"security": []}},
        "/payments": {
            "post": {
                "parameters": [
                    {"name": "Idempotency-Key", "in": "header", "required": True},
                    {"name": "verbose", "in": "query", "required": False},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Create_Payment"}}
                    }
                },
            }
        },
    },
    "components": {"schemas": {"Create_Payment": {"type": "object"}}},
    "x-gateway-problems": {"DEFAULT_4XX": PROBLEM, "DEFAULT_5XX": {**PROBLEM, "status": 500}},
}


def test_routes_are_read_in_order() -> None:
    """Every method on every path becomes a route, with what it needs to be let through."""
    health, create = ApiDefinition.from_openapi(DOCUMENT).routes

    assert (health.method, health.path, health.needs_key, health.body_model) == (
        "GET",
        "/health",
        False,
        None,
    )
    assert (create.method, create.path, create.needs_key) == ("POST", "/payments", True)
    assert create.required_parameters == ("method.request.header.Idempotency-Key",)


def test_model_has_a_name_api_gateway_takes() -> None:
    """A model is named by letters and digits only, after its schema."""
    definition = ApiDefinition.from_openapi(DOCUMENT)

    assert list(definition.models) == ["CreatePayment"]
    assert definition.routes[1].body_model == "CreatePayment"


def test_problems_are_read() -> None:
    """How API Gateway refuses by itself stands in the document too."""
    problems = ApiDefinition.from_openapi(DOCUMENT).problems

    assert problems["DEFAULT_5XX"] == Problem(type="urn:test", title="No", status=500)
    assert problems["DEFAULT_4XX"].status is None


def test_operation_open_by_mistake_is_refused() -> None:
    """An operation without a key that is not meant to be open is refused, not deployed."""
    document = copy.deepcopy(DOCUMENT)
    document["paths"]["/payments"]["post"]["security"] = []

    with pytest.raises(InfraError, match="POST /payments would be open to everybody"):
        ApiDefinition.from_openapi(document)


def test_document_without_security_opens_nothing() -> None:
    """A document that forgets to ask for keys is refused."""
    document = {**DOCUMENT, "security": []}

    with pytest.raises(InfraError, match="would be open to everybody"):
        ApiDefinition.from_openapi(document)


def test_document_without_paths_is_refused() -> None:
    """An API without operations is a mistake."""
    with pytest.raises(InfraError, match="has no paths"):
        ApiDefinition.from_openapi({**DOCUMENT, "paths": {}})


def test_problem_that_nobody_wrote_is_refused() -> None:
    """The two answers that stand for all others have to be there."""
    with pytest.raises(InfraError, match="lacks DEFAULT_4XX, DEFAULT_5XX"):
        ApiDefinition.from_openapi({**DOCUMENT, "x-gateway-problems": {}})


def test_problem_with_unknown_parts_is_refused() -> None:
    """A part of a problem that would not reach the caller is refused."""
    problems = {**DOCUMENT["x-gateway-problems"], "THROTTLED": {**PROBLEM, "detail": "slow down"}}

    with pytest.raises(InfraError, match="more or less than type, title, status"):
        ApiDefinition.from_openapi({**DOCUMENT, "x-gateway-problems": problems})


def test_missing_document_is_refused(tmp_path: Path) -> None:
    """Without a document there is no API; the hint says how to write one."""
    with pytest.raises(InfraError, match=r"openapi.json is missing") as refused:
        ApiDefinition.read(tmp_path / "openapi.json")

    assert "payments.openapi" in refused.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_damaged_document_is_refused(tmp_path: Path, text: str) -> None:
    """A document that is no JSON object is refused by name."""
    (tmp_path / "openapi.json").write_text(text)

    with pytest.raises(InfraError, match=r"openapi.json is no JSON"):
        ApiDefinition.read(tmp_path / "openapi.json")


def test_our_own_document() -> None:
    """Our API asks for a key everywhere but for its health, and for an idempotency key on each POST."""
    definition = ApiDefinition.read(OPENAPI)

    for route in definition.routes:
        assert route.needs_key == (route.path != "/health")
        if route.method == "POST":
            assert "method.request.header.Idempotency-Key" in route.required_parameters
            assert route.body_model in definition.models


def test_our_own_models_are_draft_4() -> None:
    """What API Gateway gets is valid in the dialect that it reads, and refers to nothing outside."""
    for schema in ApiDefinition.read(OPENAPI).models.values():
        Draft4Validator.check_schema(schema)
        assert "$ref" not in json.dumps(schema)
