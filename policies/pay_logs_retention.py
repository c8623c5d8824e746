"""How long logs are kept."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLogsRetention(Policy):
    """Every log group keeps its logs as long as its environment says.

    Risk: logs are gone when an incident is looked into, or kept for ever with what personal data they hold.
    Fix: set `retention_in_days` as policies/environments.toml says.
    """

    policy = "PAY_LOGS_1"
    resources = ("aws_cloudwatch_log_group",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Another number of days; none means for ever."""
        expected = expected_of(resource.stack.environment).log_retention_days
        if resource.body.get("retention_in_days") != expected:
            yield f"logs are kept {resource.body.get('retention_in_days')} days, expected {expected}"


check = PayLogsRetention()
