"""Where the time of a request went."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayTracingXray(Policy):
    """Functions and API stages trace where their environment says so.

    Risk: a slow or failing payment in prod cannot be followed through the services it went through.
    Fix: set the function's `tracing_config` to Active and the stage's `xray_tracing_enabled`, or neither.
    """

    policy = "PAY_TRACING_1"
    resources = ("aws_lambda_function", "aws_api_gateway_stage")

    def problems(self, resource: Resource) -> Iterable[str]:
        """On where it should be off, or off where it should be on."""
        expected = expected_of(resource.stack.environment).tracing
        modes = [block.get("mode") for block in resource.blocks("tracing_config")]
        traces = modes == ["Active"] or resource.body.get("xray_tracing_enabled") is True
        if traces != expected:
            yield f"tracing is {'on' if traces else 'off'}, expected {'on' if expected else 'off'}"


check = PayTracingXray()
