"""What differs between environments, row by row, on what is synthesized."""

from dataclasses import replace
from typing import Any

import pytest

from infra.alarms import AlarmThresholds
from infra.constructs.database import Capacity
from infra.environments import DEV, ENVIRONMENTS, PROD, REGION, STAGING, EnvironmentConfig, environment
from infra.errors import InfraError
from infra.pipeline_policies import AccountArns
from tests.infra.synthesis import Stack, only, resources

IN_ORDER = ("dev", "staging", "prod")


def by_environment(stacks: dict[str, Stack], read: Any) -> list[Any]:
    """What `read` finds in each stack, in the order of promotion."""
    return [read(stacks[name]) for name in IN_ORDER]


def test_retention(stacks: dict[str, Stack]) -> None:
    """Transaction logs and receipts are kept 7, 30 and 90 days."""
    found = by_environment(
        stacks,
        lambda stack: {
            body["rule"][0]["expiration"][0]["days"]
            for body in resources(stack, "aws_s3_bucket_lifecycle_configuration").values()
        },
    )

    assert found == [{7}, {30}, {90}]


def test_billing(stacks: dict[str, Stack]) -> None:
    """Dev is billed per request; staging is provisioned; prod is provisioned higher."""
    tables = by_environment(stacks, lambda stack: only(stack, "aws_dynamodb_table"))

    assert [table["billing_mode"] for table in tables] == ["PAY_PER_REQUEST", "PROVISIONED", "PROVISIONED"]
    assert tables[1]["read_capacity"] < tables[2]["read_capacity"]
    assert tables[1]["write_capacity"] < tables[2]["write_capacity"]


def test_recovery(stacks: dict[str, Stack]) -> None:
    """Point-in-time recovery is stated everywhere: off in dev, on in staging and prod."""
    found = by_environment(
        stacks, lambda stack: only(stack, "aws_dynamodb_table")["point_in_time_recovery"]["enabled"]
    )

    assert found == [False, True, True]


def test_memory_and_timeout(stacks: dict[str, Stack]) -> None:
    """The function has 512, 1024 and 2048 MB, and is cut off before API Gateway gives up."""
    functions = by_environment(stacks, lambda stack: only(stack, "aws_lambda_function"))

    assert [function["memory_size"] for function in functions] == [512, 1024, 2048]
    assert all(function["timeout"] < 29 for function in functions)


def test_log_retention(stacks: dict[str, Stack]) -> None:
    """Every log group keeps its lines 7, 14 and 30 days."""
    found = by_environment(
        stacks,
        lambda stack: {
            body["retention_in_days"] for body in resources(stack, "aws_cloudwatch_log_group").values()
        },
    )

    assert found == [{7}, {14}, {30}]


def test_limits_rise(stacks: dict[str, Stack]) -> None:
    """Rate, burst and quota rise from environment to environment."""
    settings = by_environment(
        stacks, lambda stack: only(stack, "aws_api_gateway_method_settings")["settings"]
    )
    quotas = by_environment(
        stacks, lambda stack: only(stack, "aws_api_gateway_usage_plan")["quota_settings"]["limit"]
    )

    for rising in (
        [each["throttling_rate_limit"] for each in settings],
        [each["throttling_burst_limit"] for each in settings],
        quotas,
    ):
        assert rising == sorted(set(rising))


def test_tracing(stacks: dict[str, Stack]) -> None:
    """Dev is not traced; staging and prod are, in the function and in the API."""
    functions = by_environment(
        stacks, lambda stack: only(stack, "aws_lambda_function")["tracing_config"]["mode"]
    )
    stages = by_environment(
        stacks, lambda stack: only(stack, "aws_api_gateway_stage")["xray_tracing_enabled"]
    )

    assert functions == ["PassThrough", "Active", "Active"]
    assert stages == [False, True, True]


def test_thresholds_tighten(stacks: dict[str, Stack]) -> None:
    """No alarm sounds later than in the environment before, and some sound earlier."""
    thresholds = by_environment(
        stacks,
        lambda stack: {
            body["alarm_description"]: body["threshold"]
            for body in resources(stack, "aws_cloudwatch_metric_alarm").values()
            if "nearly used up" not in body["alarm_description"]
        },
    )
    dev, staging, prod = thresholds

    assert set(dev) == set(staging) == set(prod)
    assert all(dev[what] >= staging[what] >= prod[what] for what in dev)
    assert dev != staging != prod


def test_capacity_alarms(stacks: dict[str, Stack]) -> None:
    """Consumed capacity is watched where it is provisioned."""
    found = by_environment(
        stacks,
        lambda stack: len(
            [
                body
                for body in resources(stack, "aws_cloudwatch_metric_alarm").values()
                if "-capacity-" in body["alarm_name"]
            ]
        ),
    )

    assert found == [0, 6, 6]


def test_staging_mirrors_prod(stacks: dict[str, Stack]) -> None:
    """Staging has the same resources as prod, one for one, under the same addresses."""
    staging, prod = (
        {kind: set(named) for kind, named in stacks[name]["resource"].items()} for name in ("staging", "prod")
    )

    assert staging == prod


def test_region_stands_in_one_place(stacks: dict[str, Stack]) -> None:
    """Every stack is deployed to the region of its configuration."""
    assert by_environment(stacks, lambda stack: stack["provider"]["aws"][0]["region"]) == [REGION] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"point_in_time_recovery": False}, "point_in_time_recovery is False in prod, expected True"),
        (
            {"retention_days": 29, "promoted_from": STAGING},
            "retention_days is 29 in prod, expected at least 30: staging",
        ),
        ({"retention_days": 0}, "retention_days is 0"),
        ({"retention_days": 4000}, "retention_days is 4000, expected 1 to 3650"),
        ({"timeout_seconds": 29}, "timeout_seconds is 29, expected 1 to 28"),
        ({"timeout_seconds": 30}, "timeout_seconds is 30, expected 1 to 28"),
        ({"memory_mb": 64}, "memory_mb is 64, expected 128 to 10240"),
        ({"log_retention_days": 31}, "log_retention_days is 31, expected one of"),
        ({"rate_per_second": 0}, "rate_per_second is 0, expected 1 to 10000"),
        ({"burst": 6000}, "burst is 6000, expected 1 to 5000"),
        ({"quota_per_day": 0}, "quota_per_day is 0, expected 1 to"),
        ({"reserved_concurrency": 0}, "reserved_concurrency is 0, expected 1 to 10000"),
        ({"provisioned_concurrency": 11, "reserved_concurrency": 10}, "provisioned_concurrency is 11"),
        ({"concurrency_target": 0}, "concurrency_target is 0, expected 1 to"),
        ({"name": "Prod"}, "name is 'Prod', expected at most 16 lower-case letters"),
        ({"memory_mb": 1024.5}, "memory_mb is 1024.5, expected a whole number"),
        ({"memory_mb": "1024"}, "memory_mb is '1024', expected a whole number"),
        ({"burst": True}, "burst is True, expected a whole number"),
        (
            {"reserved_concurrency": 901, "concurrency_target": 1000},
            r"reserved_concurrency is 901, expected at most 900: the account must allow 1000 \(concurrency_target\)",
        ),
        (
            {"provisioned_concurrency": 901, "concurrency_target": 1000},
            "provisioned_concurrency is 901, expected at most 900",
        ),
        (
            {"reserved_concurrency": 1, "concurrency_target": 100},
            "reserved_concurrency is 1, expected none: the account must allow 100",
        ),
        ({"region": "us-gov-west-1"}, "region is 'us-gov-west-1', expected one of the partition aws"),
        ({"region": None}, "region is None, expected a text"),
        ({"name": 3}, "name is 3, expected a text"),
        ({"tracing": "yes"}, "tracing is 'yes', expected True or False"),
        ({"log_retention_days": "30"}, "log_retention_days is '30', expected one of"),
        ({"region": "Seoul"}, "region is 'Seoul', expected a name like ap-northeast-2"),
        ({"owner": ""}, "owner is ''"),
        ({"owner": "a<b"}, "owner is 'a<b'"),
        ({"payment_provider": "cash"}, "payment_provider is 'cash', expected one of sandbox, stripe"),
        ({"max_amount_minor": 0}, "max_amount_minor is 0, expected 1 to 999999999999"),
    ],
)
def test_impossible_configuration_is_refused(change: dict[str, Any], message: str) -> None:
    """What could never work is refused when it is written down, naming the field, the value and the rule."""
    with pytest.raises(InfraError, match=message):
        replace(PROD, **change)


def test_staging_may_not_forget_before_dev() -> None:
    """An environment keeps at least as long as the one before it."""
    with pytest.raises(InfraError, match="retention_days is 6 in staging, expected at least 7: dev"):
        replace(STAGING, retention_days=6)


def test_fourth_environment_is_one_more_value() -> None:
    """An environment of one's own needs nothing but its values."""
    qa = EnvironmentConfig(
        name="qa",
        promoted_from=DEV,
        retention_days=14,
        capacity=Capacity(read_units=5, write_units=5),
        memory_mb=1024,
        log_retention_days=7,
        rate_per_second=100,
        burst=100,
        quota_per_day=1000,
        thresholds=AlarmThresholds(latency_p99_ms=2000),
    )

    assert qa.region == REGION


def test_unknown_environment_is_refused() -> None:
    """An environment that does not exist is refused with those that do."""
    with pytest.raises(
        InfraError, match=f"environment is 'nowhere', expected one of {', '.join(ENVIRONMENTS)}"
    ):
        environment("nowhere")


def test_environments_are_found_by_name() -> None:
    """Each environment is found by its own name."""
    assert {environment(name).name for name in ENVIRONMENTS} == set(ENVIRONMENTS) >= set(IN_ORDER)


def test_tests_of_arns_use_the_region() -> None:
    """What the pipeline may touch is named in the region of the configuration."""
    assert REGION in AccountArns("1" * 12, REGION).tables
