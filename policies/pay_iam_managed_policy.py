"""Permissions that somebody else writes."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayIamManagedPolicy(Policy):
    """Roles hold only permissions that stand in the stack.

    Risk: AWS widens a managed policy, and the role with it, without any change of ours.
    Fix: write the actions into an `aws_iam_role_policy` of the stack.
    """

    policy = "PAY_IAM_5"
    resources = ("aws_iam_role",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Policies attached by ARN."""
        if resource.body.get("managed_policy_arns"):
            yield f"it holds {resource.body['managed_policy_arns']}"


check = PayIamManagedPolicy()
