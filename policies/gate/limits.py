"""Whether throttling is inside what an environment may let through."""

from collections.abc import Iterator
from typing import Any

from policies.gate.environments import Expectations


def outside(block: dict[str, Any], prefix: str, most: Expectations) -> Iterator[str]:
    """The limits of a block that are missing, switched off (-1) or too high."""
    for name, limit in (("rate_limit", most.throttle_rate_max), ("burst_limit", most.throttle_burst_max)):
        value = block.get(prefix + name)
        if not isinstance(value, int | float) or not 0 < value <= limit:
            yield f"{prefix}{name} is {value}, expected 1 to {limit}"
