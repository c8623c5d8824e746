"""The REST API: what it lets through, what it refuses, what it logs."""

import json
from typing import Any

import pytest

from infra.api_definition import ApiDefinition, Problem
from infra.constructs.api import PaymentRestApi, PaymentRestApiProps
from infra.constructs.compute import ApiFunction, ApiFunctionProps
from infra.errors import InfraError
from infra.providers import Construct
from tests.infra.synthesis import NAMES, Stack, has_resource, only, resources, synth
from tests.infra.test_api_definition import DOCUMENT


def api(definition: ApiDefinition | None = None, **props: Any) -> Stack:
    """A stack with an API in front of a function."""

    def build(scope: Construct) -> None:
        function = ApiFunction(scope, "Function", ApiFunctionProps(names=NAMES))
        made = PaymentRestApiProps(
            names=NAMES,
            definition=definition or ApiDefinition.from_openapi(DOCUMENT),
            function=function,
            **props,
        )
        PaymentRestApi(scope, "Api", made)

    return synth(build)


@pytest.fixture(scope="module")
def default() -> Stack:
    return api()


def surface(stack: Stack) -> str:
    """What decides whether there is a new deployment."""
    digest: str = only(stack, "aws_api_gateway_deployment")["triggers"]["surface"]
    return digest


def test_is_regional_and_named_by_suffix(default: Stack) -> None:
    """The API lives in its region under a name that ends with the suffix."""
    assert has_resource(
        default,
        "aws_api_gateway_rest_api",
        {"name": "payments-api-pr-42", "endpoint_configuration": {"types": ["REGIONAL"]}},
    )


def test_key_is_required_but_for_health(default: Stack) -> None:
    """Every method asks for an API key, except the one that says whether the service is up."""
    methods = resources(default, "aws_api_gateway_method").values()

    assert {(method["http_method"], method["api_key_required"]) for method in methods} == {
        ("GET", False),
        ("POST", True),
    }


def test_body_is_checked_before_the_function_is_called(default: Stack) -> None:
    """A method with a body names the model that the body has to match, and a validator that looks."""
    assert has_resource(
        default,
        "aws_api_gateway_request_validator",
        {"validate_request_body": True, "validate_request_parameters": True},
    )
    posted = next(
        body
        for body in resources(default, "aws_api_gateway_method").values()
        if body["http_method"] == "POST"
    )
    assert "aws_api_gateway_request_validator" in posted["request_validator_id"]
    assert "aws_api_gateway_model" in posted["request_models"]["application/json"]
    assert posted["request_parameters"] == {"method.request.header.Idempotency-Key": True}


def test_function_is_called_by_its_alias(default: Stack) -> None:
    """Requests go to the published version behind the alias, as they are."""
    for integration in resources(default, "aws_api_gateway_integration").values():
        assert integration["type"] == "AWS_PROXY"
        assert integration["integration_http_method"] == "POST"
        assert "aws_lambda_alias" in integration["uri"]


def test_only_this_stage_may_call_the_alias(default: Stack) -> None:
    """The function may be called by this API's stage and nothing else."""
    permission = only(default, "aws_lambda_permission")

    assert permission["principal"] == "apigateway.amazonaws.com"
    assert "aws_lambda_alias" in permission["qualifier"]
    assert "execution_arn" in permission["source_arn"]
    assert "stage_name" in permission["source_arn"]


def test_resource_stands_below_its_parent() -> None:
    """A path's parts become resources once each, one below the other."""
    paths: dict[str, Any] = {"/payments/{id}": {"get": {}}, "/payments/{id}/refunds": {"get": {}}}
    stack = api(ApiDefinition.from_openapi({**DOCUMENT, "paths": paths}))
    made = resources(stack, "aws_api_gateway_resource").values()
    parents = {body["path_part"]: body["parent_id"] for body in made}

    assert len(made) == 3
    assert "root_resource_id" in parents["payments"]
    assert "PaymentsPath" in parents["{id}"]
    assert "PaymentsIdPath" in parents["refunds"]


def test_refusals_have_one_shape(default: Stack) -> None:
    """Whatever API Gateway refuses by itself is a problem document with the request's id, never cached."""
    for body in resources(default, "aws_api_gateway_gateway_response").values():
        template = body["response_templates"]["application/json"]
        # As API Gateway fills it in: the message comes with its quotes.
        problem = json.loads(template.replace("$context.error.messageString", '"Forbidden"'))
        assert {"type", "title", "detail", "request_id"} <= set(problem)
        assert problem["request_id"] == "$context.requestId"
        assert body["response_parameters"] == {
            "gatewayresponse.header.Cache-Control": "'no-store'",
            "gatewayresponse.header.Content-Type": "'application/problem+json'",
        }


def test_status_is_left_to_api_gateway_where_one_answer_stands_for_several(default: Stack) -> None:
    """The answer to all other client errors keeps each error's own status."""
    statuses = {
        body["response_type"]: body.get("status_code")
        for body in resources(default, "aws_api_gateway_gateway_response").values()
    }

    assert statuses == {"DEFAULT_4XX": None, "DEFAULT_5XX": "500"}


def test_change_of_the_surface_makes_a_new_deployment(default: Stack) -> None:
    """A new route, another model or another problem is a new deployment; the same definition is the same."""
    health_only = {"/health": DOCUMENT["paths"]["/health"]}
    other_problem = {**DOCUMENT["x-gateway-problems"], "THROTTLED": {"type": "urn:x", "title": "Slow"}}
    other_model = {"schemas": {"Create_Payment": {"type": "object", "required": ["amount"]}}}
    digests = [
        surface(api(ApiDefinition.from_openapi({**DOCUMENT, **change})))
        for change in (
            {"paths": health_only},
            {"x-gateway-problems": other_problem},
            {"components": other_model},
            {},
        )
    ]

    assert len(set(digests)) == 4
    assert digests[-1] == surface(default)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("PROBLEM_HEADERS", {"gatewayresponse.header.Content-Type": "'text/plain'"}),
        ("_problem_template", lambda kind, problem: f"{kind} {problem.title}"),
    ],
)
def test_change_of_an_answer_makes_a_new_deployment(
    default: Stack, monkeypatch: pytest.MonkeyPatch, name: str, other: Any
) -> None:
    """What API Gateway answers by itself is served from the deployment too, whatever the definition says."""
    monkeypatch.setattr(f"infra.constructs.api.{name}", other)

    assert surface(api()) != surface(default)


def test_what_no_answer_depends_on_makes_no_new_deployment(stacks: dict[str, Stack]) -> None:
    """Tags and the stack's own name are not served: the environments, configured apart, serve the same."""
    assert len({surface(stack) for stack in stacks.values()}) == 1


def test_deployment_waits_for_all_it_serves(default: Stack) -> None:
    """A deployment is a copy: it is made after everything it copies, and before the old one goes."""
    deployment = only(default, "aws_api_gateway_deployment")
    copied = {
        f"aws_api_gateway_{kind}.{name}"
        for kind in ("resource", "method", "integration", "model", "request_validator", "gateway_response")
        for name in resources(default, f"aws_api_gateway_{kind}")
    }

    assert copied <= set(deployment["depends_on"])
    assert deployment["lifecycle"] == {"create_before_destroy": True}


def test_release_reaches_the_stage_only() -> None:
    """The release is a variable of the stage, so a promotion changes nothing else of the API."""
    one, two = api(release="sha256:1"), api(release="sha256:2")
    del one["resource"]["aws_api_gateway_stage"], two["resource"]["aws_api_gateway_stage"]

    assert one["resource"] == two["resource"]


def test_access_log_is_json_without_payment_data(default: Stack) -> None:
    """Each request is one JSON line that says who, what, how long and why, and nothing of its content."""
    settings = only(default, "aws_api_gateway_stage")["access_log_settings"]
    line = json.loads(settings["format"])

    assert {"request_id", "status", "latency_ms", "api_key_id", "route", "error"} <= set(line)
    assert not [value for value in line.values() if "body" in value or "header" in value or "input" in value]
    assert "aws_cloudwatch_log_group" in settings["destination_arn"]
    # The key itself would let whoever reads the log call the API.
    assert "$context.identity.apiKey" not in line.values()


def test_log_that_api_gateway_makes_by_itself_is_ours(default: Stack) -> None:
    """The stage's execution log ends after its retention, carries tags and is there before anything is logged."""
    settings = only(default, "aws_api_gateway_method_settings")
    (group,) = [each.removeprefix("aws_cloudwatch_log_group.") for each in settings["depends_on"]]
    body = resources(default, "aws_cloudwatch_log_group")[group]
    (api,) = resources(default, "aws_api_gateway_rest_api")
    stage = only(default, "aws_api_gateway_stage")["stage_name"]

    assert body["name"] == f"API-Gateway-Execution-Logs_${{aws_api_gateway_rest_api.{api}.id}}/{stage}"
    assert body["retention_in_days"] == 30
    assert body["tags"]["Project"] == "tollgate"


def test_access_log_says_nothing_of_a_person(default: Stack) -> None:
    """Paths hold customers' ids, or whatever somebody typed; addresses and browsers are people's: none is logged."""
    line = json.loads(only(default, "aws_api_gateway_stage")["access_log_settings"]["format"])
    of_people = ("$context.identity.", "$context.path", "$context.authorizer", "$context.domainName")

    assert line["route"] == "$context.resourcePath"
    assert [value for value in line.values() if value.startswith(of_people)] == ["$context.identity.apiKeyId"]


def test_limits_are_those_given() -> None:
    """Rate and burst hold for the stage and for a key; the quota holds for a key."""
    stack = api(rate_per_second=11, burst=7, quota_per_day=1234)

    settings = only(stack, "aws_api_gateway_method_settings")
    assert settings["method_path"] == "*/*"
    assert settings["settings"]["throttling_rate_limit"] == 11
    assert settings["settings"]["throttling_burst_limit"] == 7
    plan = only(stack, "aws_api_gateway_usage_plan")
    assert plan["throttle_settings"] == {"rate_limit": 11, "burst_limit": 7}
    assert plan["quota_settings"] == {"limit": 1234, "period": "DAY"}


def test_metrics_in_detail_and_no_bodies_in_logs(default: Stack) -> None:
    """Every method has its own metrics, and requests are never logged in full."""
    settings = only(default, "aws_api_gateway_method_settings")["settings"]

    assert settings["metrics_enabled"] is True
    assert settings["logging_level"] == "ERROR"
    assert settings["data_trace_enabled"] is False


def test_key_has_no_value_of_ours(default: Stack) -> None:
    """API Gateway makes the key's value; none is written down here."""
    assert "value" not in only(default, "aws_api_gateway_api_key")


def test_tracing_can_be_switched_off() -> None:
    """Requests are traced unless somebody says otherwise."""
    assert has_resource(api(), "aws_api_gateway_stage", {"xray_tracing_enabled": True})
    assert has_resource(api(tracing=False), "aws_api_gateway_stage", {"xray_tracing_enabled": False})


@pytest.mark.parametrize(
    ("field", "value", "range_"),
    [
        ("rate_per_second", 0, "1 to 10000"),
        ("rate_per_second", 10_001, "1 to 10000"),
        ("burst", 0, "1 to 5000"),
        ("burst", 5_001, "1 to 5000"),
        ("quota_per_day", 0, "1 to 1000000000"),
        ("quota_per_day", 1_000_000_001, "1 to 1000000000"),
    ],
)
def test_impossible_limit_is_refused(field: str, value: int, range_: str) -> None:
    """A limit outside its range is refused with the field, the value and both ends of the range."""
    with pytest.raises(InfraError, match=rf"{field} is {value}, expected {range_}"):
        api(None, **{field: value})


def test_problem_template_is_json_for_every_kind() -> None:
    """Each of our own document's problems becomes JSON, whatever its title holds."""
    tricky = Problem(type="urn:x", title='A "quoted" title', status=418)
    definition = ApiDefinition.from_openapi(DOCUMENT)
    stack = api(
        ApiDefinition(routes=definition.routes, models=definition.models, problems={"DEFAULT_4XX": tricky})
    )
    template = only(stack, "aws_api_gateway_gateway_response")["response_templates"]["application/json"]

    assert json.loads(template.replace("$context.error.messageString", '""'))["title"] == tricky.title
