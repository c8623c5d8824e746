"""What differs between environments: one frozen dataclass, three values. A fourth environment is one more value."""

from dataclasses import dataclass

from infra.constructs.database import Capacity
from infra.errors import InfraError

REGION = "ap-northeast-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentConfig:
    """Everything that one environment decides about a payment API.

    Attributes:
        name: The environment's name, and the suffix of its main instance.
        region: Where it runs.
            Default: ap-northeast-2.
        owner: Who answers for it.
            Default: "payments".
        retention_days: Days that transaction logs and receipts are kept.
        capacity: Provisioned throughput of the table.
            Default: none, billed per request.
        point_in_time_recovery: Whether the table can be restored to any second.
            Default: true.
        memory_mb: The function's memory.
        timeout_seconds: When an invocation is cut off.
            Default: 28.
        log_retention_days: How long logs are kept.
        tracing: Whether requests are traced by X-Ray.
            Default: true.
        rate_per_second: Requests per second in the long run.
        burst: Requests at once.
        quota_per_day: Requests of one API key per day.
        server_error_percent: Share of 5xx answers above which the alarm sounds.
        payment_provider: Who moves the money: "sandbox" or "stripe".
            Default: "sandbox".
        max_amount_minor: The highest amount of one payment, in minor units.
            Default: 100000000.
    """

    name: str
    region: str = REGION
    owner: str = "payments"
    retention_days: int
    capacity: Capacity | None = None
    point_in_time_recovery: bool = True
    memory_mb: int
    timeout_seconds: int = 28
    log_retention_days: int
    tracing: bool = True
    rate_per_second: int
    burst: int
    quota_per_day: int
    server_error_percent: float
    payment_provider: str = "sandbox"
    max_amount_minor: int = 100_000_000


DEV = EnvironmentConfig(
    name="dev",
    retention_days=7,
    point_in_time_recovery=False,
    memory_mb=512,
    log_retention_days=7,
    tracing=False,
    rate_per_second=20,
    burst=20,
    quota_per_day=10_000,
    server_error_percent=5,
)
STAGING = EnvironmentConfig(
    name="staging",
    retention_days=30,
    capacity=Capacity(read_units=10, write_units=10),
    point_in_time_recovery=True,
    memory_mb=1024,
    log_retention_days=14,
    rate_per_second=100,
    burst=100,
    quota_per_day=100_000,
    server_error_percent=2,
)
PROD = EnvironmentConfig(
    name="prod",
    retention_days=90,
    capacity=Capacity(read_units=50, write_units=50),
    memory_mb=2048,
    log_retention_days=30,
    rate_per_second=500,
    burst=500,
    quota_per_day=1_000_000,
    server_error_percent=1,
    payment_provider="stripe",
)
ENVIRONMENTS = {config.name: config for config in (DEV, STAGING, PROD)}


def environment(name: str) -> EnvironmentConfig:
    """The configuration of the environment called `name`.

    Raises:
        InfraError: If there is none.
    """
    if name not in ENVIRONMENTS:
        raise InfraError(f"environment is {name!r}, expected one of {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]
