"""What may be done."""

from collections.abc import Iterable

from policies.gate.iam import IDENTITY, TRUST, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayIamWildcardAction(Policy):
    """Permissions name their actions, each one.

    Risk: a wildcard allows what nobody thought of, and what AWS adds tomorrow.
    Fix: name the exact actions; infra/permissions.py is the vocabulary.
    """

    policy = "PAY_IAM_1"
    resources = tuple(sorted({*IDENTITY, *TRUST}))

    def problems(self, resource: Resource) -> Iterable[str]:
        """An Allow with a wildcard or a reference among its actions, or about all but some."""
        for statement in (*statements(resource, IDENTITY), *statements(resource, TRUST)):
            wild = [action for action in statement.actions if any(sign in action for sign in "*?$")]
            if statement.allows and wild:
                yield f"{statement.text} allows {', '.join(wild)}"


check = PayIamWildcardAction()
