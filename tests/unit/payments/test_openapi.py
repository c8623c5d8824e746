"""The published document is the code's own."""

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from payments import openapi
from payments.domain import errors
from payments.entrypoints.application import USE_CASES
from payments.entrypoints.schemas import SCHEMAS
from payments.error_map import PROBLEMS
from tests.unit.payments.http import Api
from tests.unit.payments.schema import conforms

COMMITTED = Path(__file__).parents[3] / "app" / "openapi.json"


def test_the_committed_document_is_current() -> None:
    """What is committed is what the code writes now."""
    assert openapi.main(["--check", str(COMMITTED)]) == 0


def test_a_stale_document_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that differs is refused with the command that writes it anew."""
    stale = tmp_path / "openapi.json"
    stale.write_text(openapi.text().replace("Payments", "payments"))

    assert openapi.main(["--check", str(stale)]) == 1
    assert "python -m payments.openapi >" in capsys.readouterr().err


def test_a_wrong_argument_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Anything but --check FILE is exit 2."""
    assert openapi.main(["--chek"]) == 2
    assert "error:" in capsys.readouterr().err


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments the document goes to standard output."""
    assert openapi.main([]) == 0
    assert capsys.readouterr().out == openapi.text()


def test_the_document_is_openapi_3_1() -> None:
    """An independent validator accepts the document."""
    validate(openapi.document())


def test_every_error_has_one_problem() -> None:
    """Each error that can reach a client is in the error map, and no two problems share a name."""
    ours = {
        cls for cls in vars(errors).values() if isinstance(cls, type) and cls.__module__ == errors.__name__
    }
    internal = {errors.PaymentError, errors.StaleVersionError}

    assert set(PROBLEMS) == ours - internal
    assert len({kind.name for kind in PROBLEMS.values()}) == len(PROBLEMS)


def test_every_problem_is_documented() -> None:
    """Each operation documents the problems it declares, by status and type."""
    paths = openapi.document()["paths"]

    for use_case in USE_CASES:
        operation = use_case.OPERATION
        responses = paths[operation.path][operation.method.lower()]["responses"]
        for error in operation.errors:
            assert PROBLEMS[error].type in responses[str(PROBLEMS[error].status)]["description"]


ANSWERS = [
    ("Payment", lambda api, payment: api.pay("other")),
    ("Payment", lambda api, payment: api.call("GET", f"/payments/{payment}")),
    ("Refund", lambda api, payment: api.refund(payment, "r2")),
    ("Receipt", lambda api, payment: api.call("GET", f"/payments/{payment}/receipt")),
    ("PaymentPage", lambda api, payment: api.call("GET", "/payments", query={"date": "2026-03-01"})),
    (
        "PaymentPage",
        lambda api, payment: api.call("GET", "/customers/cus_ada/payments", query={"limit": "1"}),
    ),
    ("Health", lambda api, payment: api.call("GET", "/health")),
    ("Problem", lambda api, payment: api.pay("d", payment_method="tok_declined")),
    ("Problem", lambda api, payment: api.call("GET", "/nowhere")),
]


@pytest.mark.parametrize(("schema", "ask"), ANSWERS)
def test_answers_keep_to_the_schemas(api: Api, schema: str, ask: Any) -> None:
    """What the service answers is what the document promises."""
    payment = api.pay().body["id"]
    api.refund(payment, "r1", amount=5)
    api.pay("declined", payment_method="tok_declined")

    assert conforms(schema, ask(api, payment).body)


@pytest.mark.parametrize("kind", openapi.GATEWAY_PROBLEMS)
def test_what_api_gateway_answers_keeps_to_the_schema(kind: str) -> None:
    """API Gateway's own refusals are problems as documented, with a status or, where it has none to say, without."""
    stated = openapi.document()["x-gateway-problems"][kind]

    assert conforms("Problem", stated | {"detail": "Too Many Requests", "request_id": "1"})


HEADERS: list[tuple[str, str, str, set[str], Any]] = [
    ("/payments", "post", "201", {"Location", "Idempotent-Replayed"}, lambda api, _: api.pay("other")),
    (
        "/payments/{id}/refunds",
        "post",
        "201",
        {"Idempotent-Replayed"},
        lambda api, payment: api.refund(payment),
    ),
    ("/payments", "post", "503", {"Retry-After"}, lambda api, _: api.pay("t", payment_method="tok_timeout")),
    ("/payments/{id}", "get", "200", set(), lambda api, payment: api.call("GET", f"/payments/{payment}")),
    ("/payments/{id}", "get", "404", set(), lambda api, _: api.call("GET", "/payments/pay_" + "0" * 40)),
]


@pytest.mark.parametrize(("path", "method", "status", "names", "ask"), HEADERS)
def test_headers_are_documented(
    api: Api, path: str, method: str, status: str, names: set[str], ask: Any
) -> None:
    """The headers that mean something are in the document, and those of an answer are the ones documented for it."""
    documented = openapi.document()["paths"][path][method]["responses"][status].get("headers", {})
    reply = ask(api, api.pay().body["id"])

    assert str(reply.status) == status
    assert set(documented) == names
    assert {"Location", "Idempotent-Replayed", "Retry-After"} & set(reply.headers) == names


def test_answers_in_our_place_are_documented() -> None:
    """Whoever pays learns from the document that nobody may answer, and what that looks like."""
    responses = openapi.document()["paths"]["/payments"]["post"]["responses"]

    for status, name in (("429", "too-many-requests"), ("502", "internal-error"), ("504", "timeout")):
        assert f"urn:tollgate:problem:{name}" in responses[status]["description"]


def test_the_schema_check_can_fail() -> None:
    """A body that breaks a schema is found out, also behind a reference."""
    assert not conforms("Health", {"status": "ok"})
    assert not conforms("PaymentPage", {"payments": [{}]})
    assert set(SCHEMAS) == set(openapi.document()["components"]["schemas"])
