"""Alarms, their topic, the dashboard and the count of refused requests."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from infra.alarms import AlarmThresholds
from infra.api_definition import ApiDefinition
from infra.constructs.api import PaymentRestApi, PaymentRestApiProps
from infra.constructs.compute import ApiFunction, ApiFunctionProps
from infra.constructs.database import Capacity, TransactionsTable, TransactionsTableProps
from infra.constructs.monitoring import Monitoring, MonitoringProps
from infra.errors import InfraError
from infra.providers import Construct
from tests.infra.synthesis import NAMES, Stack, only, resources, synth
from tests.infra.test_api_definition import DOCUMENT

ALARM = "aws_cloudwatch_metric_alarm"


def monitored(thresholds: AlarmThresholds | None = None, capacity: Capacity | None = None) -> Stack:
    """A stack with everything that is watched, and the watching."""

    def build(scope: Construct) -> None:
        function = ApiFunction(scope, "Function", ApiFunctionProps(names=NAMES, timeout_seconds=20))
        definition = ApiDefinition.from_openapi(DOCUMENT)
        api = PaymentRestApi(
            scope, "Api", PaymentRestApiProps(names=NAMES, definition=definition, function=function)
        )
        table = TransactionsTable(scope, "Table", TransactionsTableProps(names=NAMES, capacity=capacity))
        props = MonitoringProps(
            names=NAMES,
            region="ap-northeast-2",
            api=api,
            function=function,
            table=table,
            thresholds=thresholds or AlarmThresholds(),
        )
        Monitoring(scope, "Monitoring", props)

    return synth(build)


@pytest.fixture(scope="module")
def default() -> Stack:
    return monitored()


def alarms(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """Every alarm by the kind that its name starts with."""
    return {body["alarm_name"].removesuffix("-pr-42"): body for body in resources(stack, ALARM).values()}


@pytest.mark.parametrize(
    ("kind", "metric", "statistic", "threshold"),
    [
        ("payments-api-5xx", "5XXError", "Average", 0.02),
        ("payments-api-4xx", "4XXError", "Average", 0.3),
        ("payments-api-latency-p50", "Latency", "p50", 400),
        ("payments-api-latency-p99", "Latency", "p99", 4000),
        ("payments-function-errors", "Errors", "Sum", 3),
        ("payments-function-throttles", "Throttles", "Sum", 4),
        ("payments-function-duration", "Duration", "Maximum", 15_000),
        ("payments-business-errors", "BusinessErrors", "Sum", 17),
        ("payments-records-delayed", "RecordsDelayed", "Sum", 5),
        ("payments-outcome-unknown", "OutcomeUnknown", "Sum", 6),
    ],
)
def test_sounds_above_its_threshold(kind: str, metric: str, statistic: str, threshold: float) -> None:
    """Each alarm watches its metric and sounds above the threshold that was asked for."""
    thresholds = AlarmThresholds(
        server_error_percent=2,
        client_error_percent=30,
        latency_p50_ms=400,
        latency_p99_ms=4000,
        function_errors=3,
        function_throttles=4,
        duration_percent=75,
        business_errors=17,
        records_delayed=5,
        outcomes_unknown=6,
    )
    alarm = alarms(monitored(thresholds))[kind]

    assert alarm["metric_name"] == metric
    assert alarm.get("statistic", alarm.get("extended_statistic")) == statistic
    assert alarm["threshold"] == pytest.approx(threshold)
    assert alarm["comparison_operator"] == "GreaterThanThreshold"


def test_table_throttles_are_those_of_the_indexes_too() -> None:
    """A throttled index turns writes away as well: table and indexes, reads and writes are added up."""
    alarm = alarms(monitored(AlarmThresholds(table_throttles=2)))["payments-table-throttles"]
    *parts, total = alarm["metric_query"]

    assert alarm["threshold"] == 2
    assert {part["metric"]["metric_name"] for part in parts} == {"ReadThrottleEvents", "WriteThrottleEvents"}
    assert {part["metric"]["dimensions"].get("GlobalSecondaryIndexName") for part in parts} == {
        None,
        "customer-index",
        "date-index",
    }
    assert total["return_data"] is True
    assert total["expression"] == "FILL(m0,0)+FILL(m1,0)+FILL(m2,0)+FILL(m3,0)+FILL(m4,0)+FILL(m5,0)"


def test_provisioned_capacity_is_watched() -> None:
    """With provisioned capacity, the share consumed of the table and of each index is watched."""
    stack = monitored(AlarmThresholds(capacity_percent=80), Capacity(read_units=10, write_units=5))
    watched = {kind: alarm for kind, alarm in alarms(stack).items() if kind.endswith("-capacity")}

    assert len(watched) == 6
    assert watched["payments-table-read-capacity"]["threshold"] == 480
    assert watched["payments-customer-index-write-capacity"]["threshold"] == 240
    assert all(alarm["period"] == 60 and alarm["statistic"] == "Sum" for alarm in watched.values())


def test_capacity_per_request_has_nothing_to_watch(default: Stack) -> None:
    """A table that is billed per request has no capacity that could be used up."""
    assert not [kind for kind in alarms(default) if kind.endswith("-capacity")]


def test_every_alarm_is_heard(default: Stack) -> None:
    """Every alarm tells the topic when it starts and when it ends, and silence at night is no alarm."""
    for alarm in alarms(default).values():
        assert "aws_sns_topic" in alarm["alarm_actions"][0]
        assert "aws_sns_topic" in alarm["ok_actions"][0]
        assert alarm["treat_missing_data"] == "notBreaching"
        assert alarm["alarm_description"]


def test_only_our_alarms_may_publish(default: Stack) -> None:
    """The topic takes messages from this instance's alarms in this account, and from nobody else."""
    (statement,) = json.loads(only(default, "aws_sns_topic_policy")["policy"])["Statement"]

    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:payments-*-pr-42"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_alarm_names_match_what_may_publish(default: Stack) -> None:
    """Every alarm's name is one that the topic's policy lets through."""
    for alarm in resources(default, ALARM).values():
        assert alarm["alarm_name"].startswith("payments-")
        assert alarm["alarm_name"].endswith("-pr-42")


def test_refused_requests_are_counted_by_instance(default: Stack) -> None:
    """Lines of the function's log that say a request was refused are counted, each instance for itself."""
    counted = only(default, "aws_cloudwatch_log_metric_filter")

    assert counted["pattern"] == '{ $.message = "refused" }'
    assert counted["metric_transformation"]["dimensions"] == {"EnvironmentSuffix": "$.environment_suffix"}
    alarm = alarms(default)["payments-business-errors"]
    assert alarm["namespace"] == counted["metric_transformation"]["namespace"]
    assert alarm["metric_name"] == counted["metric_transformation"]["name"]
    assert alarm["dimensions"] == {"EnvironmentSuffix": "pr-42"}


def test_a_single_payment_that_needs_care_is_heard(default: Stack) -> None:
    """One payment whose records wait, or whose outcome nobody knows, sounds in the first minute."""
    for kind in ("payments-records-delayed", "payments-outcome-unknown"):
        alarm = alarms(default)[kind]

        assert (alarm["threshold"], alarm["datapoints_to_alarm"]) == (0, 1)
        assert alarm["dimensions"] == {"EnvironmentSuffix": "pr-42", "service": "payments"}


def test_dashboard_shows_alarms_first_and_fits_one_screen(default: Stack) -> None:
    """All alarms stand on top; the graphs follow, none over another."""
    body = json.loads(only(default, "aws_cloudwatch_dashboard")["dashboard_body"])
    first, *graphs = body["widgets"]

    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == len(resources(default, ALARM))
    assert max(widget["y"] + widget["height"] for widget in graphs) <= 24
    cells = [
        (column, row)
        for widget in body["widgets"]
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24


def test_dashboard_shows_the_metrics_that_alarms_watch(default: Stack) -> None:
    """Whoever is woken finds on the dashboard what woke them."""
    body = json.loads(only(default, "aws_cloudwatch_dashboard")["dashboard_body"])
    shown = {(line[0], line[1]) for widget in body["widgets"][1:] for line in widget["properties"]["metrics"]}
    for alarm in alarms(default).values():
        watched = [part["metric"] for part in alarm.get("metric_query", ()) if "metric" in part] or [alarm]
        assert {(each["namespace"], each["metric_name"]) for each in watched} <= shown


@pytest.mark.parametrize("field", [field.name for field in fields(AlarmThresholds)])
@pytest.mark.parametrize("value", [-1, 10_000_000, math.inf, math.nan])
def test_threshold_that_never_or_always_sounds_is_refused(field: str, value: Any) -> None:
    """A threshold outside its range is refused by name and value."""
    with pytest.raises(InfraError, match=rf"{field} is {value}, expected "):
        AlarmThresholds(**{field: value})


def test_median_above_the_tail_is_refused() -> None:
    """Half of the requests cannot be slower than nearly all of them."""
    with pytest.raises(InfraError, match="latency_p50_ms is 900, expected 1 to 800"):
        AlarmThresholds(latency_p50_ms=900, latency_p99_ms=800)
