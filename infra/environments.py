"""What differs between environments: one frozen dataclass, three values. A fourth is one more value."""

import re
from dataclasses import dataclass, field

from infra.alarms import AlarmThresholds
from infra.checks import flag, one_of, text, within
from infra.constructs.api import check_limits
from infra.constructs.compute import CONCURRENCY, check_concurrency, check_log_retention, check_sizes
from infra.constructs.database import Capacity
from infra.constructs.storage import check_days
from infra.errors import InfraError
from infra.naming import check_suffix

REGION = "ap-northeast-2"
PROVIDERS = ("sandbox", "stripe")
PROVIDERS_WITH_CREDENTIAL = frozenset({"stripe"})
MAX_AMOUNT_MINOR = (1, 999_999_999_999)
# Their ARNs do not begin with arn:aws:, and what we name would not be found there.
_OTHER_PARTITIONS = ("cn-", "eusc-", "us-gov-", "us-iso")
# What Lambda keeps free in an account for functions without a reservation.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED_CONCURRENCY = 100
_REGION_PATTERN = r"[a-z]{2}(-[a-z]+)+-[1-9]"
# What AWS allows in the value of a tag.
_OWNER_PATTERN = r"[\w .:/=+@-]{1,256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentConfig:
    """Everything that one environment decides about a payment API.

    Attributes:
        name: The environment's name, and the suffix of its main instance.
        promoted_from: The environment a release has to pass before this one.
            Default: none, releases come here first.
        holds_real_payments: Whether what it keeps cannot be made again.
            Default: false.
        region: Where it runs.
            Default: ap-northeast-2.
        owner: Who answers for it.
            Default: "payments".
        retention_days: Days that transaction logs and receipts are kept.
        capacity: Provisioned throughput of the table.
            Default: none, billed per request.
        point_in_time_recovery: Whether the table can be restored to any second of the last 35 days.
            Default: true; without it a wrong write is final.
        memory_mb: The function's memory.
        timeout_seconds: When an invocation is cut off.
            Default: 28.
        reserved_concurrency: Invocations kept free for the function, and its ceiling.
            Default: unset; a new account has too few to reserve any.
        provisioned_concurrency: Instances kept warm.
            Default: unset, none.
        concurrency_target: Invocations at once that the account must allow; the bootstrap checks it.
            Default: 10, what a new account has.
        log_retention_days: How long logs are kept.
        tracing: Whether requests are traced by X-Ray.
            Default: true; without it a slow call shows no cause.
        rate_per_second: Requests per second in the long run.
        burst: Requests at once.
        quota_per_day: Requests of one API key per day.
        thresholds: When alarms sound.
            Default: those of `AlarmThresholds`.
        payment_provider: Who moves the money: "sandbox" or "stripe".
            Default: "sandbox", which moves none.
        max_amount_minor: The highest amount of one payment, in minor units of its currency.
            Default: 100000000.
    """

    name: str
    promoted_from: "EnvironmentConfig | None" = None
    holds_real_payments: bool = False
    region: str = REGION
    owner: str = "payments"
    retention_days: int
    capacity: Capacity | None = None
    point_in_time_recovery: bool = True
    memory_mb: int
    timeout_seconds: int = 28
    reserved_concurrency: int | None = None
    provisioned_concurrency: int | None = None
    concurrency_target: int = 10
    log_retention_days: int
    tracing: bool = True
    rate_per_second: int
    burst: int
    quota_per_day: int
    thresholds: AlarmThresholds = field(default_factory=AlarmThresholds)
    payment_provider: str = "sandbox"
    max_amount_minor: int = 100_000_000

    def __post_init__(self) -> None:
        """Refuse what could never work, or should not."""
        self._check_types()
        check_suffix(self.name, field="name")
        if self.region.startswith(_OTHER_PARTITIONS):
            raise InfraError(f"region is {self.region!r}, expected one of the partition aws, like {REGION}")
        if not re.fullmatch(_REGION_PATTERN, self.region):
            raise InfraError(f"region is {self.region!r}, expected a name like {REGION}")
        if not re.fullmatch(_OWNER_PATTERN, self.owner):
            raise InfraError(f"owner is {self.owner!r}, expected 1 to 256 characters that a tag may hold")
        check_days("retention_days", self.retention_days)
        check_sizes(self.memory_mb, self.timeout_seconds)
        check_concurrency(self.reserved_concurrency, self.provisioned_concurrency)
        check_log_retention("log_retention_days", self.log_retention_days)
        check_limits(self.rate_per_second, self.burst, self.quota_per_day)
        within("concurrency_target", self.concurrency_target, *CONCURRENCY, why="no account has more")
        one_of("payment_provider", self.payment_provider, PROVIDERS, why="the application knows no other")
        why = "the application counts in minor units of a currency"
        within("max_amount_minor", self.max_amount_minor, *MAX_AMOUNT_MINOR, why=why)
        self._check_concurrency()
        self._check_recovery()
        self._check_order()

    def _check_types(self) -> None:
        for name in ("name", "region", "owner", "payment_provider"):
            text(name, getattr(self, name))
        for name in ("holds_real_payments", "point_in_time_recovery", "tracing"):
            flag(name, getattr(self, name))

    def _check_concurrency(self) -> None:
        free = self.concurrency_target - UNRESERVED_CONCURRENCY
        for name in ("reserved_concurrency", "provisioned_concurrency"):
            wanted = getattr(self, name)
            if wanted is not None and wanted > free:
                raise InfraError(
                    f"{name} is {wanted}, expected {f'at most {free}' if free > 0 else 'none'}: the account must allow "
                    f"{self.concurrency_target} (concurrency_target), of which Lambda keeps {UNRESERVED_CONCURRENCY} "
                    "for functions that reserve none",
                    hint="raise concurrency_target too; `nox -s bootstrap` then compares it with the account's quota",
                )

    def _check_recovery(self) -> None:
        if self.holds_real_payments and not self.point_in_time_recovery:
            raise InfraError(
                f"point_in_time_recovery is False in {self.name}, expected True: it holds real payments, "
                "and a wrong write would be final"
            )

    def _check_order(self) -> None:
        before = self.promoted_from
        if before and self.retention_days < before.retention_days:
            raise InfraError(
                f"retention_days is {self.retention_days} in {self.name}, expected at least "
                f"{before.retention_days}: {before.name}, which comes before it, keeps that long"
            )


DEV = EnvironmentConfig(
    name="dev",
    retention_days=7,
    point_in_time_recovery=False,
    memory_mb=512,
    log_retention_days=7,
    tracing=False,
    rate_per_second=50,
    burst=50,
    quota_per_day=20_000,
    thresholds=AlarmThresholds(
        server_error_percent=5,
        client_error_percent=50,
        latency_p50_ms=1000,
        latency_p99_ms=5000,
        function_errors=5,
        function_throttles=5,
        duration_percent=90,
        table_throttles=5,
        business_errors=100,
    ),
    max_amount_minor=1_000_000,
)
STAGING = EnvironmentConfig(
    name="staging",
    promoted_from=DEV,
    retention_days=30,
    capacity=Capacity(read_units=10, write_units=10),
    point_in_time_recovery=True,
    memory_mb=1024,
    concurrency_target=100,
    log_retention_days=14,
    rate_per_second=200,
    burst=200,
    quota_per_day=200_000,
    thresholds=AlarmThresholds(
        server_error_percent=2,
        client_error_percent=30,
        latency_p50_ms=700,
        latency_p99_ms=4000,
        function_errors=1,
        function_throttles=1,
        table_throttles=1,
        business_errors=50,
    ),
)
PROD = EnvironmentConfig(
    name="prod",
    promoted_from=STAGING,
    holds_real_payments=True,
    retention_days=90,
    capacity=Capacity(read_units=50, write_units=50),
    point_in_time_recovery=True,
    memory_mb=2048,
    concurrency_target=1000,
    log_retention_days=30,
    rate_per_second=1000,
    burst=1000,
    quota_per_day=5_000_000,
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
