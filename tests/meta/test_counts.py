"""What the application counts is what the infrastructure watches; neither room may import the other."""

import json

from infra.alarms import APPLICATION_NAMESPACE, AlarmThresholds, Metric, Watched, alarms
from infra.dashboard import dashboard
from payments.adapters.telemetry import COUNTS

WATCHED = Watched(
    api_name="api",
    stage_name="dev",
    function_name="function",
    timeout_seconds=28,
    table_name="table",
    index_names=(),
    business_errors=Metric(namespace="refusals", name="BusinessErrors", dimensions={}, statistic="Sum"),
    environment_suffix="dev",
)


def test_the_dashboard_shows_every_count_and_no_other() -> None:
    """A count that is renamed in one room leaves no empty graph, and none is paid for that nobody sees."""
    widgets = json.loads(dashboard(WATCHED, list(alarms(WATCHED, AlarmThresholds())), [], "eu-central-1"))[
        "widgets"
    ]
    lines = [line for widget in widgets for line in widget["properties"].get("metrics", ())]

    assert sorted(name for namespace, name, *_ in lines if namespace == APPLICATION_NAMESPACE) == sorted(
        COUNTS
    )


def test_alarms_watch_counts_that_there_are() -> None:
    """An alarm on a count of the application is on one that it has."""
    watched = [metric for alarm in alarms(WATCHED, AlarmThresholds()) for metric in alarm.metrics]
    ours = {metric.name for metric in watched if metric.namespace == APPLICATION_NAMESPACE}

    assert ours
    assert ours <= set(COUNTS)
