"""What must never be in a release."""

from collections.abc import Iterable

from policies.gate.literals import secret_like
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLiteralSecret(Policy):
    """No literal looks like a secret.

    Risk: whoever can read the release, its state or its logs can charge cards.
    Fix: put the value into Secrets Manager, and its name into the release.
    """

    policy = "PAY_LITERAL_1"
    resources = ("aws_*",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Known forms of keys, literals under a telling name, long random texts; a key somebody chose."""
        yield from secret_like(resource.body)
        if resource.type == "aws_api_gateway_api_key" and "value" in resource.body:
            yield "the key's value is chosen here; AWS makes one that nobody has to know"


check = PayLiteralSecret()
