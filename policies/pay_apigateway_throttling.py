"""How often an API may be called."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.limits import outside
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayApigatewayThrottling(Policy):
    """Every API stage limits how often each of its methods may be called.

    Risk: one burst uses up the account's capacity and the budget.
    Fix: give the stage method settings for `*/*` with rate and burst within policies/environments.toml.
    """

    policy = "PAY_APIGATEWAY_4"
    resources = ("aws_api_gateway_stage",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No settings for every method, or a limit that is missing, switched off or too high."""
        settings = resource.users("aws_api_gateway_method_settings", "stage_name")
        if not any(one.body.get("method_path") == "*/*" for one in settings):
            yield "no method settings for */*"
        for one in settings:
            for block in one.blocks("settings"):
                yield from outside(block, "throttling_", expected_of(resource.stack.environment))


check = PayApigatewayThrottling()
