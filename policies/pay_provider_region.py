"""Where everything is."""

from collections.abc import Iterable
from typing import Any

from policies.gate.environments import expected_of
from policies.gate.policy import ProviderPolicy
from policies.gate.stack import Stack


class PayProviderRegion(ProviderPolicy):
    """Everything is in the region of its environment.

    Risk: payment data leaves the country it has to stay in.
    Fix: give the stack one AWS provider with the region of policies/environments.toml.
    """

    policy = "PAY_PROVIDER_1"

    def problems(self, provider: dict[str, Any], stack: Stack) -> Iterable[str]:
        """Another region, a region from outside, or more than one provider."""
        expected = expected_of(stack.environment).region
        if provider.get("region") != expected or len(stack.providers("aws")) != 1:
            yield f"region is {provider.get('region')}, expected {expected}, and nowhere else"


check = PayProviderRegion()
