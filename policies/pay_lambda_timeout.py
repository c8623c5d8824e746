"""How long a function may run."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLambdaTimeout(Policy):
    """Every function ends before its caller gives up.

    Risk: API Gateway answers 504 after 29 seconds while the payment goes on unseen.
    Fix: set `timeout` to no more than policies/environments.toml says.
    """

    policy = "PAY_LAMBDA_2"
    resources = ("aws_lambda_function",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Not stated (AWS's default is 3), not a number, or too long."""
        most = expected_of(resource.stack.environment).lambda_timeout_seconds
        timeout = resource.body.get("timeout")
        if not isinstance(timeout, int) or not 0 < timeout <= most:
            yield f"timeout is {timeout} s, expected 1 to {most}"


check = PayLambdaTimeout()
