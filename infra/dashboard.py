"""The dashboard: the health of one instance on one screen, as the JSON that CloudWatch keeps."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from infra.alarms import PERIOD_SECONDS, Alarm, Metric, Watched

APPLICATION_COUNTS = (
    "ChargeRequested",
    "PaymentCaptured",
    "PaymentDeclined",
    "RefundRequested",
    "RefundCompleted",
    "RefundDeclined",
    "ProviderUnavailable",
    "OutcomeUnknown",
    "RecordsDelayed",
)
_WIDTH = 24
_COLUMNS = 3
_HEIGHT = 6


def dashboard(watched: Watched, alarms: Iterable[Alarm], alarm_arns: Sequence[str], region: str) -> str:
    """The dashboard's body: alarms on top, then what clients see, the function, the table, the business."""
    application = [watched.application(name) for name in APPLICATION_COUNTS]
    consumed = [
        *watched.tables("ConsumedReadCapacityUnits").values(),
        *watched.tables("ConsumedWriteCapacityUnits").values(),
    ]
    throttled = next(alarm for alarm in alarms if alarm.id == "TableThrottles").metrics
    graphs = (
        # The API's own count is higher: it answers by itself what it does not let through.
        ("Requests", (watched.api("Count", "Sum"), watched.application("Requests"))),
        ("Share of errors", (watched.api("5XXError", "Average"), watched.api("4XXError", "Average"))),
        ("Latency, ms", tuple(watched.api("Latency", each) for each in ("p50", "p90", "p99"))),
        ("Function, ms", tuple(watched.function("Duration", each) for each in ("p50", "p99", "Maximum"))),
        (
            "Function errors and throttles",
            (
                watched.function("Errors", "Sum"),
                watched.function("Throttles", "Sum"),
                watched.application("ServerErrors"),
            ),
        ),
        ("Invocations at once", (watched.function("ConcurrentExecutions", "Maximum"),)),
        ("Table: capacity consumed", tuple(consumed)),
        ("Table: requests turned away", throttled),
        ("Payments", (*application, watched.business_errors)),
    )
    width = _WIDTH // _COLUMNS
    widgets: list[dict[str, Any]] = [
        {
            "type": "alarm",
            "x": 0,
            "y": 0,
            "width": _WIDTH,
            "height": 3,
            "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
        }
    ]
    for place, (title, metrics) in enumerate(graphs):
        row, column = divmod(place, _COLUMNS)
        widgets.append(
            {
                "type": "metric",
                "x": column * width,
                "y": 3 + row * _HEIGHT,
                "width": width,
                "height": _HEIGHT,
                "properties": {
                    "title": title,
                    "region": region,
                    "view": "timeSeries",
                    "period": PERIOD_SECONDS,
                    "metrics": [_line(metric) for metric in metrics],
                },
            }
        )
    return json.dumps({"widgets": widgets}, sort_keys=True, separators=(",", ":"))


def _line(metric: Metric) -> list[Any]:
    """A metric in the dashboard's notation."""
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic}]
