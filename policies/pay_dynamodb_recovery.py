"""Items that were overwritten."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayDynamodbRecovery(Policy):
    """Every table says whether it can be restored to a point in time; prod's can.

    Risk: one wrong write or delete in prod is final.
    Fix: state `point_in_time_recovery`; in prod, enable it.
    """

    policy = "PAY_DYNAMODB_2"
    resources = ("aws_dynamodb_table",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Not stated, or off where it must be on."""
        stated = [block.get("enabled") for block in resource.blocks("point_in_time_recovery")]
        wanted = ([True],) if expected_of(resource.stack.environment).recovery == "on" else ([True], [False])
        if stated not in wanted:
            yield f"point-in-time recovery is {stated}, expected {' or '.join(map(str, wanted))}"


check = PayDynamodbRecovery()
