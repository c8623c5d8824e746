"""The function, its role, its log and its alias."""

import json

import pytest

from infra import permissions
from infra.constructs.compute import ALIAS, ApiFunction, ApiFunctionProps
from infra.errors import InfraError
from tests.infra.synthesis import NAMES, Stack, has_resource, only, resources, statements, synth

FUNCTION = "aws_lambda_function"


def function(**props: object) -> Stack:
    made = ApiFunctionProps(names=NAMES, **props)  # type: ignore[arg-type]  # the tests choose what to give
    return synth(lambda scope: ApiFunction(scope, "Function", made))


@pytest.fixture(scope="module")
def default() -> Stack:
    return function()


def test_runs_the_package_beside_the_stack(default: Stack) -> None:
    """The package is read where Terraform runs, and its content decides whether there is a new version."""
    assert has_resource(
        default,
        FUNCTION,
        {
            "filename": "${path.module}/lambda.zip",
            "source_code_hash": '${filebase64sha256("${path.module}/lambda.zip")}',
            "handler": "payments.entrypoints.api.handler",
            "runtime": "python3.13",
            "architectures": ["arm64"],
        },
    )


def test_publishes_versions_behind_an_alias(default: Stack) -> None:
    """Every change is a new version, and callers use the alias that points to it."""
    assert only(default, FUNCTION)["publish"] is True
    alias = only(default, "aws_lambda_alias")
    assert alias["name"] == ALIAS
    assert alias["function_version"].endswith(".version}")


def test_concurrency_is_left_to_the_account_by_default(default: Stack) -> None:
    """Nothing is reserved and nothing kept warm unless somebody asks: a new account has too few to give."""
    assert "reserved_concurrent_executions" not in only(default, FUNCTION)
    assert not resources(default, "aws_lambda_provisioned_concurrency_config")


def test_concurrency_can_be_reserved_and_kept_warm() -> None:
    """Asked for, invocations are reserved for the function and instances kept warm behind the alias."""
    stack = function(reserved_concurrency=50, provisioned_concurrency=5)

    assert has_resource(stack, FUNCTION, {"reserved_concurrent_executions": 50})
    assert has_resource(
        stack, "aws_lambda_provisioned_concurrency_config", {"provisioned_concurrent_executions": 5}
    )


def test_log_is_ours_and_is_kept_as_long_as_said() -> None:
    """The log group exists before the first line, under our retention; lines are JSON."""
    stack = function(log_retention_days=14)

    assert has_resource(
        stack, "aws_cloudwatch_log_group", {"name": "/aws/lambda/payments-api-pr-42", "retention_in_days": 14}
    )
    logging = only(stack, FUNCTION)["logging_config"]
    assert logging["log_format"] == "JSON"
    assert "aws_cloudwatch_log_group" in logging["log_group"]


def test_only_lambda_may_use_the_role(default: Stack) -> None:
    """The role trusts the Lambda service and nobody else."""
    (statement,) = json.loads(only(default, "aws_iam_role")["assume_role_policy"])["Statement"]

    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_role_can_be_walled_in() -> None:
    """A boundary, where one is given, holds the role whatever it is allowed."""
    boundary = "arn:aws:iam::123456789012:policy/wall"

    assert has_resource(function(boundary_arn=boundary), "aws_iam_role", {"permissions_boundary": boundary})


def test_may_write_its_own_log_only(default: Stack) -> None:
    """The function writes streams of its own log group, and can make no group."""
    (statement,) = [one for _, one in statements(default) if one["Sid"] == "WriteLogs"]

    assert tuple(statement["Action"]) == permissions.LOG_WRITE
    assert statement["Resource"].endswith(".arn}:log-stream:*")
    assert "aws_cloudwatch_log_group" in statement["Resource"]


def test_traces_by_default_and_may_say_so(default: Stack) -> None:
    """Invocations are traced, and the role may write traces."""
    assert has_resource(default, FUNCTION, {"tracing_config": {"mode": "Active"}})
    assert [one for _, one in statements(default) if one["Sid"] == "WriteTraces"]


def test_without_tracing_the_permission_is_gone_too() -> None:
    """A function that is not traced may not write traces."""
    stack = function(tracing=False)

    assert has_resource(stack, FUNCTION, {"tracing_config": {"mode": "PassThrough"}})
    assert not [one for _, one in statements(stack) if one["Sid"] == "WriteTraces"]


@pytest.mark.parametrize(
    ("field", "value", "range_"),
    [
        ("memory_mb", 127, "128 to 10240"),
        ("memory_mb", 10_241, "128 to 10240"),
        ("timeout_seconds", 0, "1 to 28"),
        ("timeout_seconds", 29, "1 to 28"),
        ("reserved_concurrency", 0, "1 to 10000"),
        ("reserved_concurrency", 10_001, "1 to 10000"),
        ("provisioned_concurrency", 0, "1 to 10000"),
    ],
)
def test_impossible_number_is_refused(field: str, value: int, range_: str) -> None:
    """A number outside its range is refused with the field, the value and both ends of the range."""
    with pytest.raises(InfraError, match=rf"{field} is {value}, expected {range_}"):
        ApiFunctionProps(names=NAMES, **{field: value})  # type: ignore[arg-type]  # a name from a list


def test_no_more_is_kept_warm_than_may_run() -> None:
    """More warm instances than reserved invocations are refused."""
    with pytest.raises(InfraError, match="provisioned_concurrency is 6, expected 1 to 5"):
        ApiFunctionProps(names=NAMES, reserved_concurrency=5, provisioned_concurrency=6)


@pytest.mark.parametrize("days", [0, 2, 31, 10_000])
def test_log_retention_that_is_not_offered_is_refused(days: int) -> None:
    """A number of days that CloudWatch Logs does not offer is refused with those it does."""
    with pytest.raises(
        InfraError, match=rf"log_retention_days is {days}, expected one of 1, 3, 5, 7, 14, 30"
    ):
        ApiFunctionProps(names=NAMES, log_retention_days=days)
