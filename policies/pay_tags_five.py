"""Who owns what, and to which instance it belongs."""

from collections.abc import Iterable

from policies.gate.allow_list import read_contents
from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayTagsFive(Policy):
    """Everything that can carry tags carries the five.

    Risk: nobody finds the owner of a resource, its cost, or the instance it belongs to.
    Fix: tag it with Project, Environment, EnvironmentSuffix, ManagedBy and Owner.
    """

    policy = "PAY_TAGS_1"
    resources = ("aws_*",)

    def applies(self, resource: Resource) -> bool:
        """Whether the resource can carry tags."""
        listed = read_contents().resource_types.get(resource.type)
        return listed is None or listed.tags

    def problems(self, resource: Resource) -> Iterable[str]:
        """Tags that are missing, empty, or of another environment."""
        tags = resource.body.get("tags") or {}
        missing = [tag for tag in ("Project", "ManagedBy", "Owner") if not str(tags.get(tag, "")).strip()]
        if missing:
            yield f"without {', '.join(missing)}"
        for tag, value in (
            ("Environment", resource.stack.environment),
            ("EnvironmentSuffix", "${var.environment_suffix}"),
        ):
            if tags.get(tag) != value:
                yield f"{tag} is {tags.get(tag)!r}, expected {value!r}"


check = PayTagsFive()
