"""Names of one account's instances must not collide."""

from collections.abc import Iterable

from policies.gate.allow_list import read_contents
from policies.gate.policy import Policy
from policies.gate.stack import Resource

SUFFIX = "${var.environment_suffix}"
# The one name that AWS chooses; an API's id is its own.
EXECUTION_LOG = "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api."


class PayNamingSuffix(Policy):
    """Every name ends with the environment suffix.

    Risk: two instances in one account (`dev` and `pr-42`) overwrite or destroy each other's resources.
    Fix: call it `{resource-type}-${var.environment_suffix}`; a bucket `{type}-${var.account_id}-…`.
    """

    policy = "PAY_NAMING_1"
    resources = ("aws_*",)

    def applies(self, resource: Resource) -> bool:
        """Whether AWS knows the resource by a name of its own."""
        listed = read_contents().resource_types.get(resource.type)
        return listed is None or listed.name is not None

    def problems(self, resource: Resource) -> Iterable[str]:
        """A name that is missing (AWS would invent one), or that does not end as it should."""
        listed = read_contents().resource_types.get(resource.type)
        argument = (listed and listed.name) or "name"
        name = str(resource.body.get(argument, ""))
        usual = f"-${{var.account_id}}-{SUFFIX}" if resource.type == "aws_s3_bucket" else f"-{SUFFIX}"
        ending = f".id}}/{SUFFIX}" if name.startswith(EXECUTION_LOG) else usual
        if not name.endswith(ending) and not (argument == "stage_name" and name == SUFFIX):
            yield f"`{argument}` is {name!r}, expected it to end with {ending!r}"


check = PayNamingSuffix()
