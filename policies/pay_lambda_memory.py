"""How much a function may use."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLambdaMemory(Policy):
    """Every function has its environment's memory.

    Risk: prod runs with dev's share of a processor, or dev costs as much as prod.
    Fix: set `memory_size` as policies/environments.toml says.
    """

    policy = "PAY_LAMBDA_1"
    resources = ("aws_lambda_function",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Another number; AWS's default of 128 counts as one."""
        expected = expected_of(resource.stack.environment).lambda_memory_mb
        if resource.body.get("memory_size") != expected:
            yield f"memory is {resource.body.get('memory_size')} MB, expected {expected}"


check = PayLambdaMemory()
