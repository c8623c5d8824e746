"""What can be taken down again."""

from collections.abc import Iterable
from typing import Any

from policies.gate.policy import Policy
from policies.gate.stack import Resource

# False or absent everywhere.
KEEPS = ("prevent_destroy", "skip_destroy", "deletion_protection", "deletion_protection_enabled")
WANTED: dict[str, dict[str, Any]] = {
    "aws_s3_bucket": {"force_destroy": True},
    "aws_secretsmanager_secret": {"recovery_window_in_days": 0},
}


class PayDestroyEverything(Policy):
    """Nothing is retained: every instance can be destroyed completely.

    Risk: previews cannot be taken down, and what is left behind blocks the next one's names.
    Fix: no prevent_destroy, skip_destroy or deletion protection; buckets with force_destroy.
    """

    policy = "PAY_DESTROY_1"
    resources = ("aws_*",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """A setting that keeps the resource when its instance is destroyed."""
        for block in (resource.body, *resource.blocks("lifecycle")):
            yield from (
                f"`{name}` is {block[name]}" for name in KEEPS if block.get(name) not in (None, False)
            )
        for name, value in WANTED.get(resource.type, {}).items():
            if resource.body.get(name) != value:
                yield f"`{name}` is {resource.body.get(name)}, expected {value}"


check = PayDestroyEverything()
