"""Who hears that payments fail."""

from collections.abc import Iterable

from policies.gate.alarms import watching
from policies.gate.policy import Policy
from policies.gate.stack import Resource

METRICS = {"aws_api_gateway_rest_api": "5XXError", "aws_lambda_function": "Errors"}


class PayAlarmErrors(Policy):
    """Somebody is told when an API or a function fails.

    Risk: payments fail for hours until a customer complains.
    Fix: make an alarm on `5XXError` of the API and `Errors` of the function, with a topic among its actions.
    """

    policy = "PAY_ALARM_1"
    resources = ("aws_api_gateway_rest_api", "aws_lambda_function")

    def problems(self, resource: Resource) -> Iterable[str]:
        """No alarm on its errors that reaches a topic."""
        wanted = METRICS[resource.type]
        if not any(metric.get("metric_name") == wanted for metric in watching(resource)):
            yield f"no alarm watches {wanted} and tells a topic"


check = PayAlarmErrors()
