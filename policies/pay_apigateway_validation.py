"""What an API lets through."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource

WITH_BODY = {"POST", "PUT", "PATCH", "ANY"}


class PayApigatewayValidation(Policy):
    """Every method with a body checks it before the function is called.

    Risk: malformed payments reach the code, cost money, and look for what it forgot to check.
    Fix: give the method a validator that validates the body, and a model in `request_models`.
    """

    policy = "PAY_APIGATEWAY_3"
    resources = ("aws_api_gateway_method",)

    def applies(self, resource: Resource) -> bool:
        """Whether a request of this method has a body; a method we do not know may have one."""
        return resource.body.get("http_method") in WITH_BODY or "${" in str(resource.body.get("http_method"))

    def problems(self, resource: Resource) -> Iterable[str]:
        """No validator of the body, or nothing to validate it by."""
        validators = resource.referred("request_validator_id")
        if [v.body.get("validate_request_body") for v in validators] != [True]:
            yield "no validator looks at the body"
        models = resource.stack.referred_by(resource.body.get("request_models"))
        if not any(model.type == "aws_api_gateway_model" and model.body.get("schema") for model in models):
            yield "no model says what the body has to be"


check = PayApigatewayValidation()
