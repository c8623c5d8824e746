"""The whole payment API: what holds for every configuration that is accepted."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.alarms import AlarmThresholds
from infra.api_definition import ApiDefinition
from infra.constructs.compute import LOG_RETENTION_DAYS
from infra.constructs.database import Capacity
from infra.environments import DEV, EnvironmentConfig
from infra.main import OPENAPI
from infra.naming import SUFFIX_MAX, InstanceNames
from infra.payment_api import PaymentApi, PaymentApiProps
from tests.infra.synthesis import Stack, every, only, resources, statements, synth

DEFINITION = ApiDefinition.read(OPENAPI)
UNITS = st.integers(1, 40_000)
SUFFIXES = st.from_regex(r"[a-z](-?[a-z0-9])*", fullmatch=True).filter(
    lambda suffix: len(suffix) <= SUFFIX_MAX and not suffix.endswith("s3alias")
)
CONFIGS = st.builds(
    EnvironmentConfig,
    name=SUFFIXES,
    region=st.sampled_from(["ap-northeast-2", "eu-central-1", "us-east-1"]),
    owner=st.sampled_from(["payments", "team@example.com"]),
    retention_days=st.integers(1, 3650),
    capacity=st.one_of(st.none(), st.builds(Capacity, read_units=UNITS, write_units=UNITS)),
    point_in_time_recovery=st.booleans(),
    memory_mb=st.integers(128, 10_240),
    timeout_seconds=st.integers(1, 28),
    reserved_concurrency=st.one_of(st.none(), st.integers(100, 900)),
    provisioned_concurrency=st.one_of(st.none(), st.integers(1, 100)),
    concurrency_target=st.integers(1000, 10_000),
    log_retention_days=st.sampled_from(LOG_RETENTION_DAYS),
    tracing=st.booleans(),
    rate_per_second=st.integers(1, 10_000),
    burst=st.integers(1, 5_000),
    quota_per_day=st.integers(1, 1_000_000_000),
    thresholds=st.builds(
        AlarmThresholds,
        latency_p50_ms=st.integers(1, 500),
        latency_p99_ms=st.integers(500, 29_000),
        server_error_percent=st.floats(0.1, 100),
    ),
    payment_provider=st.sampled_from(["sandbox", "stripe"]),
    max_amount_minor=st.integers(1, 999_999_999_999),
)
# Resource types that AWS lets nobody tag.
UNTAGGABLE = {
    "aws_api_gateway_deployment",
    "aws_api_gateway_gateway_response",
    "aws_api_gateway_integration",
    "aws_api_gateway_method",
    "aws_api_gateway_method_settings",
    "aws_api_gateway_model",
    "aws_api_gateway_request_validator",
    "aws_api_gateway_resource",
    "aws_api_gateway_usage_plan_key",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_log_metric_filter",
    "aws_iam_role_policy",
    "aws_lambda_alias",
    "aws_lambda_permission",
    "aws_lambda_provisioned_concurrency_config",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_sns_topic_policy",
}
# What makes a bucket closed.
CLOSED = {"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"}
# Where each type keeps its name, and what its service takes for one.
NAME_RULES = {
    "aws_api_gateway_api_key": ("name", r".{1,1024}"),
    "aws_api_gateway_rest_api": ("name", r".{1,1024}"),
    "aws_api_gateway_stage": ("stage_name", r"[A-Za-z0-9_-]{1,128}"),
    "aws_api_gateway_usage_plan": ("name", r".{1,1024}"),
    "aws_cloudwatch_dashboard": ("dashboard_name", r"[A-Za-z0-9_-]{1,255}"),
    "aws_cloudwatch_log_group": ("name", r"[A-Za-z0-9_/.#-]{1,512}"),
    "aws_cloudwatch_log_metric_filter": ("name", r"[^:*]{1,512}"),
    "aws_cloudwatch_metric_alarm": ("alarm_name", r".{1,255}"),
    "aws_dynamodb_table": ("name", r"[A-Za-z0-9_.-]{3,255}"),
    "aws_iam_role": ("name", r"[A-Za-z0-9+=,.@_-]{1,64}"),
    "aws_lambda_function": ("function_name", r"[A-Za-z0-9_-]{1,64}"),
    "aws_s3_bucket": ("bucket", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "aws_secretsmanager_secret": ("name", r"[A-Za-z0-9/_+=.@-]{1,512}"),
    "aws_sns_topic": ("name", r"[A-Za-z0-9_-]{1,256}"),
}


def payment_api(config: EnvironmentConfig, suffix: str | None = None) -> Stack:
    """A stack with nothing but a payment API."""
    names = InstanceNames(
        environment=config.name, suffix=suffix or config.name, account_id="1" * 12, owner=config.owner
    )
    props = PaymentApiProps(config=config, names=names, definition=DEFINITION)
    return synth(lambda scope: PaymentApi(scope, "PaymentApi", props))


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(config=CONFIGS, suffix=SUFFIXES)
def test_what_always_holds(config: EnvironmentConfig, suffix: str) -> None:
    """Whatever is configured, a stack is encrypted, closed, named, tagged, frugal and destroyable."""
    stack = payment_api(config, suffix)

    check_encryption(stack)
    check_names_and_tags(stack, suffix)
    check_destroyable(stack)
    check_privileges(stack)
    check_configuration(stack, config)


def check_encryption(stack: Stack) -> None:
    """Everything at rest is encrypted, everything on the way is TLS."""
    buckets = len(resources(stack, "aws_s3_bucket"))
    assert only(stack, "aws_dynamodb_table")["server_side_encryption"]["enabled"] is True
    for guard in (
        "lifecycle_configuration",
        "ownership_controls",
        "policy",
        "public_access_block",
        "server_side_encryption_configuration",
        "versioning",
    ):
        assert len(resources(stack, f"aws_s3_bucket_{guard}")) == buckets
    for encryption in resources(stack, "aws_s3_bucket_server_side_encryption_configuration").values():
        (rule,) = encryption["rule"]
        assert rule["apply_server_side_encryption_by_default"] == {"sse_algorithm": "aws:kms"}
    for block in resources(stack, "aws_s3_bucket_public_access_block").values():
        assert {name for name, value in block.items() if value is True} == CLOSED
    for policy in resources(stack, "aws_s3_bucket_policy").values():
        (deny,) = json.loads(policy["policy"])["Statement"]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def check_names_and_tags(stack: Stack, suffix: str) -> None:
    """Every name ends with the suffix and is one its service takes; all that can be tagged is."""
    for kind, body in every(stack):
        assert ("tags" in body) == (kind not in UNTAGGABLE), kind
        if "tags" in body:
            assert set(body["tags"]) == {"Environment", "EnvironmentSuffix", "ManagedBy", "Owner", "Project"}
            assert body["tags"]["EnvironmentSuffix"] == suffix
        if kind in NAME_RULES:
            field, rule = NAME_RULES[kind]
            # An API's id, in the one name that API Gateway chooses, is ten letters and digits.
            name = re.sub(r"\$\{aws_api_gateway_rest_api\.\w+\.id\}", "a1b2c3d4e5", body[field])
            assert re.fullmatch(rule, name), name
            assert body[field].endswith(suffix)


def check_destroyable(stack: Stack) -> None:
    """Nothing is kept when the stack goes."""
    text = json.dumps(stack)
    for word in ("prevent_destroy", "skip_destroy", "retain_on_delete"):
        assert word not in text
    assert all(bucket["force_destroy"] is True for bucket in resources(stack, "aws_s3_bucket").values())
    assert only(stack, "aws_dynamodb_table")["deletion_protection_enabled"] is False
    assert only(stack, "aws_secretsmanager_secret")["recovery_window_in_days"] == 0


def check_privileges(stack: Stack) -> None:
    """What is allowed is named action by action, and resource by resource where AWS has one."""
    for kind, statement in statements(stack):
        if statement["Effect"] == "Deny":
            continue
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action], statement
        assert statement.get("Principal") != "*"
        if statement.get("Resource") == "*":
            assert statement["Sid"] == "WriteTraces", kind


def check_configuration(stack: Stack, config: EnvironmentConfig) -> None:
    """What was asked for is what is there."""
    function = only(stack, "aws_lambda_function")
    environment: Mapping[str, Any] = function["environment"]["variables"]
    assert (function["memory_size"], function["timeout"]) == (config.memory_mb, config.timeout_seconds)
    assert function.get("reserved_concurrent_executions") == config.reserved_concurrency
    assert environment["MAX_AMOUNT_MINOR"] == str(config.max_amount_minor)
    assert environment["PAYMENT_PROVIDER"] == config.payment_provider
    assert environment["RECEIPT_RETENTION_DAYS"] == str(config.retention_days)
    for lifecycle in resources(stack, "aws_s3_bucket_lifecycle_configuration").values():
        assert {str(rule["expiration"][0]["days"]) for rule in lifecycle["rule"] if "expiration" in rule} == {
            environment["RECEIPT_RETENTION_DAYS"]
        }
    assert len(resources(stack, "aws_lambda_provisioned_concurrency_config")) == (
        config.provisioned_concurrency is not None
    )
    capacity = only(stack, "aws_dynamodb_table").get("read_capacity")
    assert capacity == (config.capacity.read_units if config.capacity else None)


def test_function_may_do_what_the_application_does(stacks: dict[str, Stack]) -> None:
    """The function may do what the application calls, and nothing else."""
    granted = {
        statement["Sid"]: sorted(statement["Action"])
        for kind, statement in statements(stacks["dev"])
        if kind == "aws_iam_role_policy"
    }

    assert granted == {
        "GetAndPutObjects": ["s3:GetObject", "s3:PutObject"],
        "PutObjects": ["s3:PutObject"],
        "QueryIndexes": ["dynamodb:Query"],
        "UseTable": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "WriteLogs": ["logs:CreateLogStream", "logs:PutLogEvents"],
    }


def test_the_credential_is_read_only_where_a_provider_has_one() -> None:
    """With the sandbox nobody may read the secret; with Stripe the function may, and nothing but that secret."""
    sandbox, stripe = (payment_api(replace(DEV, payment_provider=name)) for name in ("sandbox", "stripe"))

    assert "ReadCredential" not in [statement["Sid"] for _, statement in statements(sandbox)]
    (grant,) = [statement for _, statement in statements(stripe) if statement["Sid"] == "ReadCredential"]
    assert grant["Action"] == ["secretsmanager:GetSecretValue"]


def test_credential_has_a_name_and_no_value(stacks: dict[str, Stack]) -> None:
    """The payment provider's credential is a secret by name; nothing here holds or sets its value."""
    for stack in stacks.values():
        assert (
            only(stack, "aws_secretsmanager_secret")["name"] == "payment-provider-${var.environment_suffix}"
        )
        assert not [kind for kind in stack["resource"] if kind.startswith("aws_secretsmanager_secret_")]
        environment = only(stack, "aws_lambda_function")["environment"]["variables"]
        assert environment["PAYMENT_PROVIDER_SECRET"].startswith("${aws_secretsmanager_secret.")


def test_instances_share_nothing(stacks: dict[str, Stack]) -> None:
    """Every name holds the suffix, so no instance has a name that another has too."""
    for stack in stacks.values():
        for kind, body in every(stack):
            if kind in NAME_RULES:
                assert "${var.environment_suffix}" in body[NAME_RULES[kind][0]]
        # API Gateway's logging role is one per account: an instance that set it would fight with the next.
        assert "aws_api_gateway_account" not in stack["resource"]


def test_release_reaches_only_the_function_and_the_stage(stacks: dict[str, Stack]) -> None:
    """A promotion touches the function and the stage; the release is nobody else's business."""
    for stack in stacks.values():
        users = {kind for kind, body in every(stack) if "${var.release}" in json.dumps(body)}
        assert users == {"aws_lambda_function", "aws_api_gateway_stage"}


def test_role_stands_within_the_account_s_wall(
    stacks: dict[str, Stack], bootstraps: dict[str, Stack]
) -> None:
    """The function's role carries the boundary that the account's bootstrap makes."""
    for name, stack in stacks.items():
        boundary = only(stack, "aws_iam_role")["permissions_boundary"]
        walls = {body["name"] for body in resources(bootstraps[name], "aws_iam_policy").values()}
        assert boundary.rpartition("/")[2] in walls


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_nothing_secret_and_no_account_is_written_down(stacks: dict[str, Stack], name: str) -> None:
    """A stack holds no account id and nothing that looks like a key."""
    # The highest amount that the API's own schema allows has as many digits as an account.
    text = json.dumps(stacks[name]).replace("999999999999", "")

    assert not re.search(r"(?<![0-9a-f])[0-9]{12}(?![0-9a-f])", text)
    assert not re.search(r"AKIA|ASIA|sk_live|BEGIN [A-Z ]*PRIVATE", text)
