"""Where else data could go."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.literals import regions
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayLiteralRegion(Policy):
    """No literal names another region.

    Risk: a replica, a target or an ARN takes payment data out of the country it has to stay in.
    Fix: keep it in the region of policies/environments.toml, and refer to resources instead of naming ARNs.
    """

    policy = "PAY_LITERAL_3"
    resources = ("aws_*",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """The name of a region that is not the environment's."""
        here = expected_of(resource.stack.environment).region
        return (f"{where} names {region}" for where, region in regions(resource.body) if region != here)


check = PayLiteralRegion()
