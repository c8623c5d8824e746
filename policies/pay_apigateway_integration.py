"""Where requests go."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource

TARGETS = {"aws_lambda_alias", "aws_lambda_function"}


class PayApigatewayIntegration(Policy):
    """Every API method is answered by a function of the stack.

    Risk: payments and keys are handed to somebody else's server.
    Fix: set `type` to AWS_PROXY and `uri` to the invoke ARN of the function's alias.
    """

    policy = "PAY_APIGATEWAY_6"
    resources = ("aws_api_gateway_integration",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Another kind of integration, or one that calls something else."""
        if resource.body.get("type") != "AWS_PROXY":
            yield f"its type is {resource.body.get('type')}, expected AWS_PROXY"
        targets = resource.referred("uri")
        whole = [f"${{{target.address}.invoke_arn}}" for target in targets if target.type in TARGETS]
        if resource.body.get("uri") not in whole:
            yield f"it calls {resource.body.get('uri')}"


check = PayApigatewayIntegration()
