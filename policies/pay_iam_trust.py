"""Who is trusted."""

from collections.abc import Iterable

from policies.gate.iam import TRUST, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayIamTrust(Policy):
    """Nothing trusts everyone.

    Risk: anyone with an AWS account assumes the role, reads the bucket or calls the function.
    Fix: name the service or the account; a federated one needs a condition as well.
    """

    policy = "PAY_IAM_4"
    resources = tuple(sorted({*TRUST, "aws_lambda_permission"}))

    def problems(self, resource: Resource) -> Iterable[str]:
        """An Allow to a wildcard, or to a federation without a condition."""
        if resource.type == "aws_lambda_permission" and "*" in str(resource.body.get("principal", "*")):
            yield "everyone may invoke the function"
        for statement in statements(resource, TRUST):
            wild = [who for who in statement.principals if "*" in who]
            federated = [who for who in statement.principals if who.startswith("Federated:")]
            if statement.allows and (wild or (federated and not statement.condition)):
                yield f"{statement.text} trusts {', '.join(wild or federated)}"


check = PayIamTrust()
