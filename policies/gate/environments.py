"""What the policies expect of each environment: `environments.toml`."""

import functools
import tomllib
from dataclasses import dataclass

from policies.gate import ROOM
from policies.gate.errors import NotJudgedError

PATH = ROOM / "environments.toml"


@dataclass(frozen=True)
class Expectations:
    """One environment's row.

    Attributes:
        region: Where everything is.
        retention_days: Days that objects are kept in buckets.
        log_retention_days: Days that logs are kept.
        lambda_memory_mb: Memory of every function.
        lambda_timeout_seconds: The longest a function may run; API Gateway itself gives up after 29.
        billing_mode: How DynamoDB tables are billed.
        recovery: Whether point-in-time recovery must be `on`, or may be `any` as long as it is stated.
        tracing: Whether functions and API stages trace with X-Ray.
        throttle_rate_max: The most requests per second a stage may let through.
        throttle_burst_max: The most at once.
    """

    region: str
    retention_days: int
    log_retention_days: int
    lambda_memory_mb: int
    lambda_timeout_seconds: int
    billing_mode: str
    recovery: str
    tracing: bool
    throttle_rate_max: int
    throttle_burst_max: int


@functools.cache
def read_environments() -> dict[str, Expectations]:
    """Every environment's expectations, in the order of promotion."""
    try:
        table = tomllib.loads(PATH.read_text(encoding="utf-8"))
        return {name: Expectations(**row) for name, row in table.items()}
    except (OSError, ValueError, TypeError) as problem:
        message = f"policies/environments.toml is not usable: {problem}."
        raise NotJudgedError(message, "Restore the file; docs/policies.md describes it.") from problem


def expected_of(environment: str) -> Expectations:
    """What this environment has to be like; an unknown one cannot be judged."""
    return read_environments()[environment]
