"""Where a function logs to."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLambdaLogGroup(Policy):
    """Every function logs to a group of this stack, with a retention.

    Risk: Lambda makes a group itself, which nobody tags, nobody destroys, and which keeps logs for ever.
    Fix: make a log group with `retention_in_days` and name it in the function's `logging_config`.
    """

    policy = "PAY_LAMBDA_3"
    resources = ("aws_lambda_function",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No group named, or one that is not ours or keeps for ever."""
        groups = [
            group
            for block in resource.blocks("logging_config")
            for group in resource.stack.referred_by(block.get("log_group"))
            if group.type == "aws_cloudwatch_log_group"
        ]
        if len(groups) != 1:
            yield "it names no log group of this stack"
        yield from (f"{g.address} keeps logs for ever" for g in groups if not g.body.get("retention_in_days"))


check = PayLambdaLogGroup()
