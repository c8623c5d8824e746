"""What can be taken down again."""

from collections.abc import Iterable
from typing import Any

from policies.gate.policy import Policy
from policies.gate.stack import Resource

# False or absent everywhere.
KEEPS = {"prevent_destroy", "skip_destroy", "deletion_protection", "deletion_protection_enabled"}
LOCKS = {"object_lock_enabled", "object_lock_configuration"}
WANTED: dict[str, dict[str, Any]] = {
    "aws_s3_bucket": {"force_destroy": True},
    "aws_secretsmanager_secret": {"recovery_window_in_days": 0},
}


class PayDestroyEverything(Policy):
    """Nothing is retained: every instance can be destroyed completely.

    Risk: previews cannot be taken down, and what is left behind blocks the next one's names.
    Fix: no prevent_destroy, skip_destroy, deletion protection or object lock; buckets with force_destroy.
    """

    policy = "PAY_DESTROY_1"
    resources = ("aws_*",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """A setting that keeps the resource when its instance is destroyed."""
        for block in (resource.body, *resource.blocks("lifecycle")):
            kept = sorted(name for name in KEEPS | LOCKS if block.get(name) not in (None, False))
            yield from (f"`{name}` is {block[name]}" for name in kept)
        for name, value in WANTED.get(resource.type, {}).items():
            if resource.body.get(name) != value:
                yield f"`{name}` is {resource.body.get(name)}, expected {value}"


check = PayDestroyEverything()
