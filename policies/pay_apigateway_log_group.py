"""What an API was asked."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayApigatewayLogGroup(Policy):
    """Every API stage writes access logs to a group of this stack, with a retention.

    Risk: nobody can tell who called what when a payment is disputed.
    Fix: make a log group with `retention_in_days` and name it in the stage's `access_log_settings`.
    """

    policy = "PAY_APIGATEWAY_1"
    resources = ("aws_api_gateway_stage",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No group named, or one that is not ours or keeps for ever."""
        groups = [
            group
            for block in resource.blocks("access_log_settings")
            for group in resource.stack.referred_by(block.get("destination_arn"))
            if group.type == "aws_cloudwatch_log_group" and block.get("format")
        ]
        if len(groups) != 1:
            yield "it names no log group of this stack"
        yield from (f"{g.address} keeps logs for ever" for g in groups if not g.body.get("retention_in_days"))


check = PayApigatewayLogGroup()
