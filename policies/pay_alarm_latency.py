"""Who hears that payments take long."""

from collections.abc import Iterable

from policies.gate.alarms import statistic, watching
from policies.gate.policy import Policy
from policies.gate.stack import Resource

STATISTICS = ("p50", "p99")


class PayAlarmLatency(Policy):
    """Somebody is told when an API becomes slow, for most callers or for the unluckiest.

    Risk: callers give up and retry, and nobody knows why the load doubles.
    Fix: make alarms on `Latency` of the API, at p50 and at p99, with a topic among their actions.
    """

    policy = "PAY_ALARM_2"
    resources = ("aws_api_gateway_rest_api",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No alarm at one of the two percentiles that reaches a topic."""
        watched = {statistic(m) for m in watching(resource) if m.get("metric_name") == "Latency"}
        yield from (
            f"no alarm watches Latency at {name} and tells a topic"
            for name in STATISTICS
            if name not in watched
        )


check = PayAlarmLatency()
