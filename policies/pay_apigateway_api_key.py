"""Who may call an API."""

from collections.abc import Iterable

from policies.gate.allow_list import read_contents
from policies.gate.paths import path_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayApigatewayApiKey(Policy):
    """Every API method requires a key, or is on the list of those that do not.

    Risk: anyone on the internet makes payments, outside every quota.
    Fix: set `api_key_required`, or have it put on `keyless_methods` in policies/release_contents.toml.
    """

    policy = "PAY_APIGATEWAY_2"
    resources = ("aws_api_gateway_method",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No key required, and not listed."""
        method = f"{resource.body.get('http_method')} {path_of(resource)}"
        if (
            resource.body.get("api_key_required") is not True
            and method not in read_contents().keyless_methods
        ):
            yield f"{method} requires no API key and is not on the list"


check = PayApigatewayApiKey()
