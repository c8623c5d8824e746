"""Which alarms a payment API has: data, from thresholds and the names of what is watched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.checks import within

PERCENT = (0, 100)
PERIOD_SECONDS = 60
# What the application counts by itself (EMF); CloudWatch adds the dimension `service`.
APPLICATION_NAMESPACE = "Tollgate/Payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmThresholds:
    """When an alarm sounds: each is the highest value that is still well.

    Attributes:
        server_error_percent: Share of answers with a 5xx status.
            Default: 1.
        client_error_percent: Share of answers with a 4xx status.
            Default: 20.
        latency_p50_ms: Time within which half of the requests are answered.
            Default: 500.
        latency_p99_ms: Time within which 99 of 100 requests are answered.
            Default: 3000.
        function_errors: Invocations per minute that end in an error.
            Default: 0.
        function_throttles: Invocations per minute that Lambda turns away.
            Default: 0.
        duration_percent: Share of the function's timeout that the slowest invocation takes.
            Default: 80.
        table_throttles: Requests per minute that the table or an index turns away.
            Default: 0.
        capacity_percent: Share of the provisioned throughput that is consumed.
            Default: 80.
        business_errors: Requests per minute that are refused for what they ask, such as declined payments.
            Default: 20.
        records_delayed: Payments per minute whose log entry or receipt could not be written at once.
            Default: 0.
        outcomes_unknown: Retries per minute that come too late to be answered without a person.
            Default: 0.
    """

    server_error_percent: float = 1
    client_error_percent: float = 20
    latency_p50_ms: int = 500
    latency_p99_ms: int = 3000
    function_errors: int = 0
    function_throttles: int = 0
    duration_percent: float = 80
    table_throttles: int = 0
    capacity_percent: float = 80
    business_errors: int = 20
    records_delayed: int = 0
    outcomes_unknown: int = 0

    def __post_init__(self) -> None:
        """Refuse thresholds that never sound, or always."""
        for name in ("server_error_percent", "client_error_percent", "duration_percent", "capacity_percent"):
            within(name, getattr(self, name), *PERCENT, why="it is a share in percent", parts=True)
        for name in ("latency_p50_ms", "latency_p99_ms"):
            within(name, getattr(self, name), 1, 29_000, why="API Gateway gives up after 29 seconds")
        within(
            "latency_p50_ms",
            self.latency_p50_ms,
            1,
            self.latency_p99_ms,
            why="half of the requests cannot be slower than nearly all of them",
        )
        for name in (
            "function_errors",
            "function_throttles",
            "table_throttles",
            "business_errors",
            "records_delayed",
            "outcomes_unknown",
        ):
            within(name, getattr(self, name), 0, 1_000_000, why="it counts what happens in one minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of CloudWatch.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        dimensions: Whose it is.
        statistic: How a period's values become one: `Sum`, `Average`, `Maximum`, `p99`, …
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm: it sounds when the sum of its metrics is above the threshold in 3 of 5 minutes.

    Attributes:
        id: The construct's id.
        kind: What the alarm's name starts with.
        description: What it means when it sounds, for whom it wakes.
        metrics: What is watched.
        threshold: The highest value that is still well.
        minutes: How many of the last five minutes have to be above it.
            Default: 3.
    """

    id: str
    kind: str
    description: str
    metrics: tuple[Metric, ...]
    threshold: float
    minutes: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is watched, by the names that metrics know it by.

    Attributes:
        api_name: The REST API.
        stage_name: Its stage.
        function_name: The function.
        timeout_seconds: When the function is cut off.
        table_name: The table.
        index_names: Its indexes.
        business_errors: The metric that counts refused requests.
        environment_suffix: The instance, as the application's own metrics name it.
        read_units: Provisioned reads per second of the table, and of each index.
            Default: none, the table is billed per request.
        write_units: Provisioned writes per second of the table, and of each index.
            Default: none, the table is billed per request.
    """

    api_name: str
    stage_name: str
    function_name: str
    timeout_seconds: int
    table_name: str
    index_names: tuple[str, ...]
    business_errors: Metric
    environment_suffix: str
    read_units: int | None = None
    write_units: int | None = None

    def api(self, name: str, statistic: str) -> Metric:
        """A metric of the API's stage."""
        dimensions = {"ApiName": self.api_name, "Stage": self.stage_name}
        return Metric(namespace="AWS/ApiGateway", name=name, dimensions=dimensions, statistic=statistic)

    def function(self, name: str, statistic: str) -> Metric:
        """A metric of the function."""
        dimensions = {"FunctionName": self.function_name}
        return Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions, statistic=statistic)

    def application(self, name: str) -> Metric:
        """A metric that the application counts by itself."""
        dimensions = {"EnvironmentSuffix": self.environment_suffix, "service": "payments"}
        return Metric(namespace=APPLICATION_NAMESPACE, name=name, dimensions=dimensions, statistic="Sum")

    def tables(self, name: str) -> dict[str, Metric]:
        """A metric of the table and of each of its indexes, by the id of what it belongs to."""
        table = {"TableName": self.table_name}
        everything = {
            "Table": table,
            **{_camel(index): {**table, "GlobalSecondaryIndexName": index} for index in self.index_names},
        }
        return {
            id_: Metric(namespace="AWS/DynamoDB", name=name, dimensions=dimensions, statistic="Sum")
            for id_, dimensions in everything.items()
        }


def alarms(watched: Watched, thresholds: AlarmThresholds) -> Iterator[Alarm]:
    """Every alarm of a payment API."""
    yield from _api_alarms(watched, thresholds)
    yield from _function_alarms(watched, thresholds)
    yield from _table_alarms(watched, thresholds)
    yield from _business_alarms(watched, thresholds)


def _api_alarms(watched: Watched, thresholds: AlarmThresholds) -> Iterator[Alarm]:
    yield Alarm(
        id="ServerErrors",
        kind="payments-api-5xx",
        description="The API answers with 5xx: payments fail",
        # The average of a metric that is 0 or 1 for each request is a share.
        metrics=(watched.api("5XXError", "Average"),),
        threshold=thresholds.server_error_percent / 100,
    )
    yield Alarm(
        id="ClientErrors",
        kind="payments-api-4xx",
        description="The API refuses many requests: a client is broken, or somebody tries keys",
        metrics=(watched.api("4XXError", "Average"),),
        threshold=thresholds.client_error_percent / 100,
    )
    yield Alarm(
        id="MedianLatency",
        kind="payments-api-latency-p50",
        description="The API is slow for everyone",
        metrics=(watched.api("Latency", "p50"),),
        threshold=thresholds.latency_p50_ms,
    )
    yield Alarm(
        id="TailLatency",
        kind="payments-api-latency-p99",
        description="The API is slow for some",
        metrics=(watched.api("Latency", "p99"),),
        threshold=thresholds.latency_p99_ms,
    )


def _function_alarms(watched: Watched, thresholds: AlarmThresholds) -> Iterator[Alarm]:
    yield Alarm(
        id="FunctionErrors",
        kind="payments-function-errors",
        description="The function crashes or times out",
        metrics=(watched.function("Errors", "Sum"),),
        threshold=thresholds.function_errors,
    )
    yield Alarm(
        id="FunctionThrottles",
        kind="payments-function-throttles",
        description="Lambda turns invocations away: concurrency is used up",
        metrics=(watched.function("Throttles", "Sum"),),
        threshold=thresholds.function_throttles,
        minutes=1,
    )
    yield Alarm(
        id="FunctionDuration",
        kind="payments-function-duration",
        description="The function comes close to its timeout",
        metrics=(watched.function("Duration", "Maximum"),),
        threshold=watched.timeout_seconds * 1000 * thresholds.duration_percent / 100,
    )


def _table_alarms(watched: Watched, thresholds: AlarmThresholds) -> Iterator[Alarm]:
    yield Alarm(
        id="TableThrottles",
        kind="payments-table-throttles",
        description="DynamoDB turns requests away: payments are answered with 503",
        metrics=(
            *watched.tables("ReadThrottleEvents").values(),
            *watched.tables("WriteThrottleEvents").values(),
        ),
        threshold=thresholds.table_throttles,
        minutes=1,
    )
    for what, units in (("Read", watched.read_units), ("Write", watched.write_units)):
        if units is None:
            continue
        for id_, metric in watched.tables(f"Consumed{what}CapacityUnits").items():
            yield Alarm(
                id=f"{id_}{what}Capacity",
                kind=f"payments-{_kebab(id_)}-{what.lower()}-capacity",
                description="Provisioned throughput is nearly used up: raise it in time",
                metrics=(metric,),
                threshold=units * PERIOD_SECONDS * thresholds.capacity_percent / 100,
            )


def _business_alarms(watched: Watched, thresholds: AlarmThresholds) -> Iterator[Alarm]:
    yield Alarm(
        id="BusinessErrors",
        kind="payments-business-errors",
        description="Many requests are refused for what they ask, such as declined payments",
        metrics=(watched.business_errors,),
        threshold=thresholds.business_errors,
    )
    yield Alarm(
        id="RecordsDelayed",
        kind="payments-records-delayed",
        description="S3 takes no log entries or receipts: the payments are safe, but their records wait",
        metrics=(watched.application("RecordsDelayed"),),
        threshold=thresholds.records_delayed,
        minutes=1,
    )
    yield Alarm(
        id="OutcomeUnknown",
        kind="payments-outcome-unknown",
        description="The provider's answer was lost too long ago to ask again: a person has to look it up",
        metrics=(watched.application("OutcomeUnknown"),),
        threshold=thresholds.outcomes_unknown,
        minutes=1,
    )


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))


def _kebab(id_: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in id_).lstrip("-")
