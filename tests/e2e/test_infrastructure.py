"""What really runs in dev, staging and prod, read back from each account and compared with the configuration."""

import json
import math
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from infra.alarms import Metric, Watched, alarms
from infra.api_definition import ApiDefinition
from infra.constructs.database import CUSTOMER_INDEX, DATE_INDEX
from infra.constructs.monitoring import REFUSED_PATTERN, SUFFIX_IN_LOG
from infra.environments import ENVIRONMENTS, EnvironmentConfig
from infra.main import OPENAPI
from infra.naming import InstanceNames
from pipeline.model.environment import Instance
from pipeline.targets.account import Account
from tests.e2e.conftest import World

# Prod is read too: so this runs after the story, in which prod waits at first, and before all is destroyed.
pytestmark = [pytest.mark.cloud, pytest.mark.last]

_DEFINITION = ApiDefinition.read(OPENAPI)
_INDEX_KEYS = {CUSTOMER_INDEX: "customer_id", DATE_INDEX: "transaction_date"}


@dataclass(frozen=True)
class Deployed:
    """The main instance of an environment, as its account shows it.

    Attributes:
        config: What was asked for.
        account: Where it runs.
        release: The digest that the ledger says runs there.
        outputs: The stack's outputs.
    """

    config: EnvironmentConfig
    account: Account
    release: str
    outputs: Mapping[str, str]

    def aws(self, service: str) -> Any:
        """A boto3 client of the account."""
        return self.account.client(service)

    @property
    def names(self) -> InstanceNames:
        """How everything has to be called and tagged."""
        config = self.config
        return InstanceNames(
            environment=config.name,
            suffix=config.name,
            account_id=self.account.account_id,
            owner=config.owner,
        )

    @property
    def buckets(self) -> tuple[str, str]:
        """The names of both buckets."""
        return self.names.bucket("transaction-logs"), self.names.bucket("receipts")

    def usage_plan(self) -> Mapping[str, Any]:
        """The usage plan; other instances of the account have their own."""
        name = self.names.of("payments-usage-plan")
        plans = self.aws("apigateway").get_usage_plans()["items"]
        (plan,) = [each for each in plans if each["name"] == name]
        return dict(plan)

    def stage(self) -> Mapping[str, Any]:
        """The stage."""
        api, stage = self.outputs["rest_api_id"], self.outputs["stage_name"]
        return dict(self.aws("apigateway").get_stage(restApiId=api, stageName=stage))

    def log_groups(self) -> dict[str, Mapping[str, Any]]:
        """The log groups of the function and of the API, by name; one of them API Gateway names."""
        served = f"{self.outputs['rest_api_id']}/{self.outputs['stage_name']}"
        wanted = {f"/aws/{service}/{self.names.of('payments-api')}" for service in ("apigateway", "lambda")}
        wanted.add(f"API-Gateway-Execution-Logs_{served}")
        groups = self.aws("logs").describe_log_groups()["logGroups"]
        return {group["logGroupName"]: group for group in groups if group["logGroupName"] in wanted}

    def alarms(self) -> dict[str, Mapping[str, Any]]:
        """The alarms by what they watch, which is their name without the suffix."""
        ending = f"-{self.config.name}"
        found = self.aws("cloudwatch").describe_alarms()["MetricAlarms"]
        return {
            alarm["AlarmName"].removesuffix(ending): alarm
            for alarm in found
            if alarm["AlarmName"].endswith(ending)
        }

    def topic_arn(self) -> str:
        """The ARN of the topic of the alarms."""
        return (
            f"arn:aws:sns:{self.config.region}:{self.account.account_id}:{self.names.of('payments-alarms')}"
        )


@pytest.fixture(scope="session")
def everywhere(world: World, promoted: subprocess.CompletedProcess[str]) -> World:
    """The release runs in all three environments: prod gets its approval here if nobody gave it before."""
    if world.status()["prod"]["state"] == "waiting":
        world.succeed("approve", "prod", "--reason", "its infrastructure is to be read back", "--go")
    states = {name: world.status()[name]["state"] for name in ENVIRONMENTS}
    assert states == dict.fromkeys(ENVIRONMENTS, "deployed")
    return world


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def deployed(request: pytest.FixtureRequest, everywhere: World) -> Deployed:
    """The main instance of one environment after the other."""
    name = request.param
    return Deployed(
        config=ENVIRONMENTS[name],
        account=everywhere.account(name),
        release=everywhere.status()[name]["release"],
        outputs=everywhere.outputs(Instance(name, name)),
    )


def _pairs(tags: list[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {pair[key]: pair[value] for pair in tags}


def test_buckets(deployed: Deployed) -> None:
    """Both buckets are versioned, encrypted, closed, TLS-only, owned, and emptied after the retention."""
    s3, days = deployed.aws("s3"), deployed.config.retention_days
    for name in deployed.buckets:
        bucket = {"Bucket": name}
        assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
        (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
        assert set(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values()) == {True}
        (owned,) = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
        assert owned == {"ObjectOwnership": "BucketOwnerEnforced"}
        (denied,) = json.loads(s3.get_bucket_policy(**bucket)["Policy"])["Statement"]
        assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert (denied["Principal"], denied["Action"]) == ("*", "s3:*")
        assert denied["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        (kept,) = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
        assert kept["Status"] == "Enabled"
        assert kept["Expiration"]["Days"] == days
        assert kept["NoncurrentVersionExpiration"]["NoncurrentDays"] == days
        assert kept["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1


def test_table(deployed: Deployed) -> None:
    """The table and its indexes have the configured capacity; it is encrypted, restorable and forgets by itself."""
    dynamodb, config = deployed.aws("dynamodb"), deployed.config
    name = deployed.names.of("transactions")
    table = dynamodb.describe_table(TableName=name)["Table"]
    units = (config.capacity.read_units, config.capacity.write_units) if config.capacity else (0, 0)

    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert {
        index: {key["KeyType"]: key["AttributeName"] for key in each["KeySchema"]}
        for index, each in indexes.items()
    } == {index: {"HASH": key, "RANGE": "created_at"} for index, key in _INDEX_KEYS.items()}
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    assert billing == ("PROVISIONED" if config.capacity else "PAY_PER_REQUEST")
    for part in (table, *indexes.values()):
        throughput = part.get("ProvisionedThroughput", {})
        found = tuple(throughput.get(f"{what}CapacityUnits", 0) for what in ("Read", "Write"))
        assert found == units
    assert table["SSEDescription"]["Status"] == "ENABLED"
    assert not table.get("DeletionProtectionEnabled")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    assert recovery == ("ENABLED" if config.point_in_time_recovery else "DISABLED")
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


@pytest.mark.parametrize("index", _INDEX_KEYS)
def test_index_pages_in_order_of_time(deployed: Deployed, index: str) -> None:
    """Each index gives what belongs together, newest first, page by page."""
    dynamodb, table = deployed.aws("dynamodb"), deployed.names.of("transactions")
    key, together = _INDEX_KEYS[index], uuid.uuid4().hex
    items = [
        {"pk": f"{together}-{day}", "sk": "payment", key: together, "created_at": f"2026-01-0{day}"}
        for day in (3, 1, 2)
    ]
    for item in items:
        dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})
    try:
        found = [item["pk"]["S"] for item in _pages(dynamodb, table, index, key, together)]
    finally:
        for item in items:
            dynamodb.delete_item(TableName=table, Key={name: {"S": item[name]} for name in ("pk", "sk")})

    assert found == [f"{together}-{day}" for day in (3, 2, 1)]


def _pages(dynamodb: Any, table: str, index: str, key: str, value: str) -> Iterator[Mapping[str, Any]]:
    """Everything that has the value, one item a page, newest first."""
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.query(
            TableName=table,
            IndexName=index,
            KeyConditionExpression=f"{key} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
            ScanIndexForward=False,
            Limit=1,
            **start,
        )
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def test_function(deployed: Deployed) -> None:
    """The function has the configured memory, timeout and tracing, a published version behind its alias."""
    functions, config = deployed.aws("lambda"), deployed.config
    name = deployed.names.of("payments-api")
    function = functions.get_function_configuration(FunctionName=name)
    alias = functions.get_alias(FunctionName=name, Name="live")
    published = functions.get_function_configuration(FunctionName=name, Qualifier="live")

    assert function["MemorySize"] == config.memory_mb
    assert function["Timeout"] == config.timeout_seconds < 29
    assert function["TracingConfig"]["Mode"] == ("Active" if config.tracing else "PassThrough")
    assert function["Architectures"] == ["arm64"]
    assert alias["FunctionVersion"].isdigit()
    assert published["CodeSha256"] == function["CodeSha256"]
    reserved = functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    assert reserved == config.reserved_concurrency
    assert _kept_warm(functions, name) == config.provisioned_concurrency


def _kept_warm(functions: Any, name: str) -> int | None:
    """How many instances of the function are kept warm."""
    try:
        found = functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    except functions.exceptions.ProvisionedConcurrencyConfigNotFoundException:
        return None
    return int(found["RequestedProvisionedConcurrentExecutions"])


def test_function_finds_its_surroundings(deployed: Deployed) -> None:
    """The function's environment names the instance's own resources and the release that runs."""
    functions, names, config = deployed.aws("lambda"), deployed.names, deployed.config
    function = functions.get_function_configuration(FunctionName=names.of("payments-api"), Qualifier="live")
    log, receipts = deployed.buckets

    assert function["Environment"]["Variables"] == {
        "CUSTOMER_INDEX": CUSTOMER_INDEX,
        "DATE_INDEX": DATE_INDEX,
        "ENVIRONMENT": config.name,
        "ENVIRONMENT_SUFFIX": config.name,
        "MAX_AMOUNT_MINOR": str(config.max_amount_minor),
        "PAYMENT_PROVIDER": config.payment_provider,
        "PAYMENT_PROVIDER_SECRET": names.of("payment-provider"),
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "Tollgate/Payments",
        "POWERTOOLS_SERVICE_NAME": "payments",
        "RECEIPTS_BUCKET": receipts,
        "RECEIPT_RETENTION_DAYS": str(config.retention_days),
        "RELEASE": deployed.release,
        "TRANSACTIONS_TABLE": names.of("transactions"),
        "TRANSACTION_LOG_BUCKET": log,
    }


def test_logs_are_kept_as_long_as_configured(deployed: Deployed) -> None:
    """The function's log and both of the API are there, and forget after the configured days."""
    groups = deployed.log_groups()

    assert len(groups) == 3
    assert {group["retentionInDays"] for group in groups.values()} == {deployed.config.log_retention_days}


def test_role(deployed: Deployed) -> None:
    """The function's role stands within a boundary that is there, and names actions and resources one by one."""
    iam, names = deployed.aws("iam"), deployed.names
    role = iam.get_role(RoleName=names.of("payments-api-function"))["Role"]
    boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]

    assert boundary == names.function_boundary_arn
    assert iam.get_policy(PolicyArn=boundary)["Policy"]["Arn"] == boundary
    assert iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"] == []
    for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
        for statement in document["Statement"]:
            # X-Ray is the one service without resources of its own.
            assert "*" not in json.dumps(statement["Action"])
            assert statement["Resource"] != "*" or policy == "WriteTraces"


def test_api_limits(deployed: Deployed) -> None:
    """The stage throttles every method, and the usage plan the key, as configured; the key is enabled."""
    gateway, config = deployed.aws("apigateway"), deployed.config
    settings, plan = deployed.stage()["methodSettings"]["*/*"], deployed.usage_plan()
    (key,) = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]

    assert settings["throttlingRateLimit"] == config.rate_per_second
    assert settings["throttlingBurstLimit"] == config.burst
    assert plan["throttle"] == {"rateLimit": config.rate_per_second, "burstLimit": config.burst}
    assert (plan["quota"]["limit"], plan["quota"]["period"]) == (config.quota_per_day, "DAY")
    served = {"apiId": deployed.outputs["rest_api_id"], "stage": deployed.outputs["stage_name"]}
    assert [{name: each[name] for name in served} for each in plan["apiStages"]] == [served]
    assert key["id"] == deployed.outputs["api_key_id"]
    assert gateway.get_api_key(apiKey=key["id"])["enabled"]


def test_stage(deployed: Deployed) -> None:
    """The stage names the release, writes its access log as JSON, is measured, and traced where it should be."""
    stage = deployed.stage()
    settings = stage["methodSettings"]["*/*"]

    assert stage["variables"] == {"release": deployed.release}
    assert stage["tracingEnabled"] == deployed.config.tracing
    assert json.loads(stage["accessLogSettings"]["format"])["status"] == "$context.status"
    (group,) = [group for name, group in deployed.log_groups().items() if name.startswith("/aws/apigateway/")]
    assert stage["accessLogSettings"]["destinationArn"] == group["arn"].removesuffix(":*")
    assert settings["metricsEnabled"] is True
    assert not settings.get("dataTraceEnabled")


def test_api_routes(deployed: Deployed) -> None:
    """Every route of the contract is there, asks for a key as it should, and checks body and parameters."""
    gateway, api = deployed.aws("apigateway"), deployed.outputs["rest_api_id"]
    (validator,) = gateway.get_request_validators(restApiId=api)["items"]
    found = {}
    for resource in gateway.get_resources(restApiId=api, limit=500)["items"]:
        for method in resource.get("resourceMethods", {}):
            made = gateway.get_method(restApiId=api, resourceId=resource["id"], httpMethod=method)
            required = sorted(name for name, needed in made.get("requestParameters", {}).items() if needed)
            model = made.get("requestModels", {}).get("application/json")
            found[method, resource["path"]] = (made["apiKeyRequired"], tuple(required), model)
            assert made["requestValidatorId"] == validator["id"]
    models = {
        model["name"]: json.loads(model["schema"]) for model in gateway.get_models(restApiId=api)["items"]
    }

    assert (validator["validateRequestBody"], validator["validateRequestParameters"]) == (True, True)
    assert found == {
        (route.method, route.path): (route.needs_key, route.required_parameters, route.body_model)
        for route in _DEFINITION.routes
    }
    # On AWS a new API has two models of its own, `Empty` and `Error`.
    assert {name: models[name] for name in _DEFINITION.models} == dict(_DEFINITION.models)


def test_api_refuses_in_one_shape(deployed: Deployed) -> None:
    """Whatever API Gateway refuses by itself is answered as a problem document."""
    gateway = deployed.aws("apigateway")
    responses = gateway.get_gateway_responses(restApiId=deployed.outputs["rest_api_id"], limit=500)["items"]
    ours = {each["responseType"]: each for each in responses if not each.get("defaultResponse")}

    assert set(ours) == set(_DEFINITION.problems)
    for kind, response in ours.items():
        assert "application/problem+json" in json.dumps(response["responseParameters"])
        assert _DEFINITION.problems[kind].type in response["responseTemplates"]["application/json"]


def _thresholds(config: EnvironmentConfig) -> dict[str, float]:
    """When each alarm has to sound, by what it watches."""
    wanted = config.thresholds
    found: dict[str, float] = {
        "payments-api-4xx": wanted.client_error_percent / 100,
        "payments-api-5xx": wanted.server_error_percent / 100,
        "payments-api-latency-p50": wanted.latency_p50_ms,
        "payments-api-latency-p99": wanted.latency_p99_ms,
        "payments-business-errors": wanted.business_errors,
        "payments-function-duration": config.timeout_seconds * 10 * wanted.duration_percent,
        "payments-function-errors": wanted.function_errors,
        "payments-function-throttles": wanted.function_throttles,
        "payments-outcome-unknown": wanted.outcomes_unknown,
        "payments-records-delayed": wanted.records_delayed,
        "payments-table-throttles": wanted.table_throttles,
    }
    if config.capacity:
        units = {"read": config.capacity.read_units, "write": config.capacity.write_units}
        found |= {
            f"payments-{part}-{what}-capacity": each * 60 * wanted.capacity_percent / 100
            for part in ("table", CUSTOMER_INDEX, DATE_INDEX)
            for what, each in units.items()
        }
    return found


def test_alarms(deployed: Deployed) -> None:
    """Every alarm is there with its threshold, on consumed capacity too where it is fixed, and tells the topic."""
    found, wanted = deployed.alarms(), _thresholds(deployed.config)

    assert set(found) == set(wanted)
    for name, alarm in found.items():
        assert math.isclose(alarm["Threshold"], wanted[name])
        assert alarm["AlarmActions"] == alarm["OKActions"] == [deployed.topic_arn()]
        assert alarm["ActionsEnabled"]
    (topic,) = [
        each["TopicArn"]
        for each in deployed.aws("sns").list_topics()["Topics"]
        if each["TopicArn"] == deployed.topic_arn()
    ]
    attributes = deployed.aws("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    (publisher,) = json.loads(attributes["Policy"])["Statement"]
    assert publisher["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_alarms_watch_this_instance(deployed: Deployed) -> None:
    """Each alarm watches the metrics that it should, by their names, of nothing but this instance."""
    names, outputs, capacity = deployed.names, deployed.outputs, deployed.config.capacity
    watched = Watched(
        api_name=names.of("payments-api"),
        stage_name=outputs["stage_name"],
        function_name=outputs["function_name"],
        timeout_seconds=deployed.config.timeout_seconds,
        table_name=outputs["transactions_table_name"],
        index_names=(CUSTOMER_INDEX, DATE_INDEX),
        business_errors=Metric(
            namespace="Tollgate/Payments",
            name="BusinessErrors",
            dimensions={"EnvironmentSuffix": names.suffix},
            statistic="Sum",
        ),
        environment_suffix=names.suffix,
        read_units=capacity.read_units if capacity else None,
        write_units=capacity.write_units if capacity else None,
    )
    wanted = {
        alarm.kind: sorted(
            (metric.namespace, metric.name, sorted(metric.dimensions.items()), metric.statistic)
            for metric in alarm.metrics
        )
        for alarm in alarms(watched, deployed.config.thresholds)
    }

    assert {name: sorted(_metrics(alarm)) for name, alarm in deployed.alarms().items()} == wanted


def _metrics(alarm: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    """Namespace, name, dimensions and statistic of each metric that an alarm looks at."""
    parts = [part["MetricStat"] for part in alarm.get("Metrics", ()) if "MetricStat" in part]
    if not parts:
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        parts = [{"Metric": alarm, "Stat": statistic}]
    return [
        (
            part["Metric"]["Namespace"],
            part["Metric"]["MetricName"],
            sorted(_pairs(part["Metric"]["Dimensions"], "Name").items()),
            part["Stat"],
        )
        for part in parts
    ]


def test_dashboard_shows_the_whole_service(deployed: Deployed) -> None:
    """One dashboard shows the API, the function, the table and every alarm."""
    cloudwatch, names = deployed.aws("cloudwatch"), deployed.names
    body = cloudwatch.get_dashboard(DashboardName=names.of("payments"))["DashboardBody"]
    shown = {"payments-api", "transactions"}

    assert json.loads(body)["widgets"]
    assert {kind for kind in shown if names.of(kind) in body} == shown
    assert all(alarm["AlarmArn"] in body for alarm in deployed.alarms().values())


def test_refusals_are_counted(deployed: Deployed) -> None:
    """A metric filter on the function's log counts what the service refuses."""
    names = deployed.names
    filters = deployed.aws("logs").describe_metric_filters()["metricFilters"]
    (counted,) = [each for each in filters if each["filterName"] == names.of("payments-business-errors")]

    assert counted["logGroupName"] == f"/aws/lambda/{names.of('payments-api')}"
    assert counted["filterPattern"] == REFUSED_PATTERN
    (count,) = counted["metricTransformations"]
    assert (count["metricNamespace"], count["metricName"]) == ("Tollgate/Payments", "BusinessErrors")
    assert count["dimensions"] == {"EnvironmentSuffix": SUFFIX_IN_LOG}


def test_credential_has_no_value(deployed: Deployed) -> None:
    """The secret is there by name, and empty until a person fills it."""
    secrets, name = deployed.aws("secretsmanager"), deployed.names.of("payment-provider")

    assert secrets.describe_secret(SecretId=name)["Name"] == name
    # AWS knows no version of such a secret; the emulator makes an empty one.
    with suppress(secrets.exceptions.ResourceNotFoundException):
        assert not secrets.get_secret_value(SecretId=name).get("SecretString")


def test_everything_carries_the_tags(deployed: Deployed) -> None:
    """Everything that can carry tags says whose it is; the release is not among them."""
    found = dict(_tagged(deployed))

    assert set(found) >= {"bucket 0", "table", "function", "role", "topic", "secret", "stage"}
    assert found == dict.fromkeys(found, deployed.names.tags)


def _tagged(deployed: Deployed) -> Iterator[tuple[str, dict[str, str]]]:
    """The tags of everything of the instance that carries any, by what it is."""
    names, gateway = deployed.names, deployed.aws("apigateway")
    for number, bucket in enumerate(deployed.buckets):
        yield f"bucket {number}", _pairs(deployed.aws("s3").get_bucket_tagging(Bucket=bucket)["TagSet"])
    dynamodb = deployed.aws("dynamodb")
    table = dynamodb.describe_table(TableName=names.of("transactions"))["Table"]["TableArn"]
    yield "table", _pairs(dynamodb.list_tags_of_resource(ResourceArn=table)["Tags"])
    yield "function", deployed.aws("lambda").get_function(FunctionName=names.of("payments-api"))["Tags"]
    role = deployed.aws("iam").list_role_tags(RoleName=names.of("payments-api-function"))
    yield "role", _pairs(role["Tags"])
    yield (
        "topic",
        _pairs(deployed.aws("sns").list_tags_for_resource(ResourceArn=deployed.topic_arn())["Tags"]),
    )
    secret = deployed.aws("secretsmanager").describe_secret(SecretId=names.of("payment-provider"))
    yield "secret", _pairs(secret["Tags"])
    yield "stage", dict(deployed.stage()["tags"])
    yield "api", gateway.get_rest_api(restApiId=deployed.outputs["rest_api_id"])["tags"]
    yield "usage plan", deployed.usage_plan()["tags"]
    yield "api key", gateway.get_api_key(apiKey=deployed.outputs["api_key_id"])["tags"]
    for name, group in deployed.log_groups().items():
        arn = group["arn"].removesuffix(":*")
        yield name, deployed.aws("logs").list_tags_for_resource(resourceArn=arn)["tags"]
    for name, alarm in deployed.alarms().items():
        tags = deployed.aws("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        yield name, _pairs(tags)
