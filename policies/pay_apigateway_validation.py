"""What an API lets through."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource

WITH_BODY = {"POST", "PUT", "PATCH", "ANY"}


class PayApigatewayValidation(Policy):
    """Every method checks the parameters and the body it takes before the function is called.

    Risk: malformed payments reach the code, cost money, and look for what it forgot to check.
    Fix: give the method a validator of body and parameters, and, with a body, a model in `request_models`.
    """

    policy = "PAY_APIGATEWAY_3"
    resources = ("aws_api_gateway_method",)

    def applies(self, resource: Resource) -> bool:
        """Whether a request of this method brings a body or parameters."""
        return _has_body(resource) or bool(resource.body.get("request_parameters"))

    def problems(self, resource: Resource) -> Iterable[str]:
        """No validator of what it takes, or nothing to validate a body by."""
        validators = resource.referred("request_validator_id")
        for what in ("parameters", "body") if _has_body(resource) else ("parameters",):
            if [v.body.get(f"validate_request_{what}") for v in validators] != [True]:
                yield f"no validator looks at the {what}"
        models = resource.stack.referred_by(resource.body.get("request_models"))
        if _has_body(resource) and not any(m.body.get("schema") for m in models):
            yield "no model says what the body has to be"


def _has_body(method: Resource) -> bool:
    return method.body.get("http_method") in WITH_BODY or "${" in str(method.body.get("http_method"))


check = PayApigatewayValidation()
