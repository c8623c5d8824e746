"""What it may be done to."""

import re
from collections.abc import Iterable

from policies.gate.iam import IDENTITY, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource

OURS = re.compile(r"\$\{aws_\w+\.[\w-]+\.(?:arn|execution_arn)\}")


class PayIamWildcardResource(Policy):
    """Permissions name the resources of this stack; a wildcard has a recorded reason.

    Risk: a role meant for one table reaches every table of the account.
    Fix: name the resource by its ARN; where AWS has no finer one, record the reason in policies/waivers.toml.
    """

    policy = "PAY_IAM_2"
    resources = tuple(sorted(IDENTITY))

    def problems(self, resource: Resource) -> Iterable[str]:
        """An Allow on a wildcard that does not stand below a resource of this stack."""
        for statement in statements(resource, IDENTITY):
            wild = [r for r in statement.resources or ["*"] if ("*" in r or "?" in r) and not OURS.match(r)]
            if statement.allows and wild:
                yield f"{statement.text} reaches {', '.join(wild)}"


check = PayIamWildcardResource()
