"""How often one caller may call."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.limits import outside
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayApigatewayUsagePlan(Policy):
    """Every usage plan limits how often, and how often a day, one caller may call.

    Risk: one caller with a leaked or careless key uses up what all callers share.
    Fix: give the plan a quota, and a throttle within policies/environments.toml.
    """

    policy = "PAY_APIGATEWAY_5"
    resources = ("aws_api_gateway_usage_plan",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No quota, no throttle, or a throttle that is switched off or too high."""
        quotas, throttles = resource.blocks("quota_settings"), resource.blocks("throttle_settings")
        if not quotas or not all(quota.get("limit", 0) > 0 for quota in quotas):
            yield "the plan has no quota"
        if not throttles:
            yield "the plan has no throttle"
        for throttle in throttles:
            yield from outside(throttle, "", expected_of(resource.stack.environment))


check = PayApigatewayUsagePlan()
