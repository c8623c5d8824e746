"""What it may be done to."""

import re
from collections.abc import Iterable

from policies.gate.allow_list import read_contents
from policies.gate.iam import IDENTITY, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource

OUTSIDE = re.compile(r"\$\{var\.(?!(?:account_id|environment_suffix)\})")
OURS = re.compile(r"\$\{aws_\w+\.[\w-]+\.(?:arn|execution_arn)\}(?:[/:]|$)")


class PayIamWildcardResource(Policy):
    """Permissions name the resources of this stack; a wildcard has a recorded reason.

    Risk: a role meant for one table reaches every table of the account.
    Fix: name the resource by its ARN; where AWS has none, record action and reason in release_contents.toml.
    """

    policy = "PAY_IAM_2"
    resources = tuple(sorted(IDENTITY))

    def problems(self, resource: Resource) -> Iterable[str]:
        """An Allow on a wildcard not below a resource of this stack, but for the recorded actions."""
        recorded = read_contents().wildcard_actions
        for statement in statements(resource, IDENTITY):
            wild = [text for text in statement.resources or ["*"] if _is_wild(text)]
            if statement.allows and wild and not set(statement.actions) <= recorded.keys():
                yield f"{statement.text} reaches {', '.join(wild)}"


def _is_wild(text: str) -> bool:
    return bool(OUTSIDE.search(text)) or (("*" in text or "?" in text) and not OURS.match(text))


check = PayIamWildcardResource()
