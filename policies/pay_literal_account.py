"""Whose account it is."""

from collections.abc import Iterable

from policies.gate.literals import account_ids
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLiteralAccount(Policy):
    """No literal looks like an account id.

    Risk: a release made for one account silently reaches into another.
    Fix: use `${var.account_id}`; the target says which account it is.
    """

    policy = "PAY_LITERAL_2"
    resources = ("aws_*",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Twelve digits in a row."""
        return account_ids(resource.body)


check = PayLiteralAccount()
