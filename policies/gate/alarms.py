"""Which alarms watch a resource."""

from collections.abc import Iterator
from typing import Any

from policies.gate.stack import Resource


def watching(resource: Resource) -> Iterator[dict[str, Any]]:
    """The metrics of this resource that alarms watch, if the alarm tells somebody."""
    for alarm in resource.stack.of("aws_cloudwatch_metric_alarm"):
        topics = [topic for topic in alarm.referred("alarm_actions") if topic.type == "aws_sns_topic"]
        if not topics or alarm.body.get("actions_enabled", True) is not True:
            continue
        for metric in (alarm.body, *alarm.blocks("metric_query", "metric")):
            named = resource.stack.referred_by(metric.get("dimensions"))
            if any(resource.is_same(other) for other in named):
                yield metric


def statistic(metric: dict[str, Any]) -> str:
    """How a metric's values are combined: `p99`, `Sum` and the like."""
    return str(metric.get("extended_statistic") or metric.get("stat") or metric.get("statistic"))
