"""Who may hand on a role."""

from collections.abc import Iterable

from policies.gate.iam import IDENTITY, covers, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayIamPassRole(Policy):
    """Nobody may pass a role without a condition that says to what.

    Risk: whoever passes a strong role to a function of theirs has that role.
    Fix: add a `StringEquals` condition on `iam:PassedToService`.
    """

    policy = "PAY_IAM_3"
    resources = tuple(sorted(IDENTITY))

    def problems(self, resource: Resource) -> Iterable[str]:
        """An Allow that reaches iam:PassRole without that condition."""
        for statement in statements(resource, IDENTITY):
            said = {key.lower() for key in statement.condition.get("StringEquals", {})}
            if (
                statement.allows
                and covers(statement.actions, "iam:PassRole")
                and "iam:passedtoservice" not in said
            ):
                yield f"{statement.text} passes roles to whatever it likes"


check = PayIamPassRole()
