"""What tables cost and bear."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource

CAPACITY = ("read_capacity", "write_capacity")


class PayDynamodbBilling(Policy):
    """Every table is billed as its environment says.

    Risk: dev costs as much as prod while nobody uses it, or prod's cost has no ceiling.
    Fix: set `billing_mode` as policies/environments.toml says; if PROVISIONED, with capacity, indexes too.
    """

    policy = "PAY_DYNAMODB_3"
    resources = ("aws_dynamodb_table",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Another mode, or provisioned without saying how much."""
        mode = expected_of(resource.stack.environment).billing_mode
        if resource.body.get("billing_mode") != mode:
            yield f"billing mode is {resource.body.get('billing_mode')}, expected {mode}"
        for block in (resource.body, *resource.blocks("global_secondary_index")):
            stated = [isinstance(block.get(name), int) and block[name] > 0 for name in CAPACITY]
            if stated != [mode == "PROVISIONED"] * 2:
                yield f"capacity of {block.get('name')} does not go with {mode}"


check = PayDynamodbBilling()
