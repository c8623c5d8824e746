"""Where a stack deploys to: the stack says it for Terraform, the environment for everything else."""

from collections.abc import Mapping
from typing import Any

from pipeline.model.errors import RefusedError


def insist_on_region(stack: Mapping[str, Any], region: str) -> None:
    """Make sure that what is shown, read and locked is in the region to which the stack deploys.

    A provider without a region takes the environment's, which Terraform is given.

    Args:
        stack: The stack, parsed.
        region: The environment's.

    Raises:
        RefusedError: An AWS provider of the stack names another one.
    """
    found = stack.get("provider", {}).get("aws", [])
    for provider in [found] if isinstance(found, dict) else found:
        named = provider.get("region", region)
        if named != region:
            message = f"the stack deploys to {named}, and the settings of its environment say {region}"
            hint = "say the same region in environments/*.toml and in the stack's AWS provider"
            raise RefusedError(message, hint)
