"""What is really there after a deployment, read back and compared with the configuration, field by field."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.api_definition import ApiDefinition
from infra.constructs.database import CUSTOMER_INDEX, DATE_INDEX
from infra.environments import STAGING, EnvironmentConfig
from infra.main import OPENAPI
from infra.naming import InstanceNames
from pipeline.deploy.terraform_binary import clean_environment, cli_config, find_terraform
from pipeline.model.errors import TollgateError
from pipeline.targets.local import AccountSpec, CloudAccess, LocalCloud
from tests.infra.synthesis import Stack, every, only, resources
from tests.pipeline.local_cloud_client import client

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"
CONFIG = STAGING  # it has everything that an environment can have
HANDLER = "def handler(event, context):\n    return {'statusCode': 200, 'body': '{}'}\n"


class Terraform:
    """Terraform in a folder of its own, with its state beside it."""

    def __init__(self, folder: Path, access: CloudAccess) -> None:
        self.folder = folder
        config = folder / "terraform.rc"
        config.write_text(cli_config("5.100.0", folder.parent / "cache"))
        self._environment = access.environ(
            clean_environment(
                [
                    ("TF_CLI_CONFIG_FILE", str(config)),
                    ("TF_VAR_account_id", ACCOUNT),
                    ("TF_VAR_github_repository", "acme/tollgate"),
                ]
            )
        )
        self._argv = find_terraform().argv

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run one command, which has to end with the exit code, and answer with what it said."""
        ended = subprocess.run(
            [*self._argv, *arguments, "-no-color"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == code, ended.stdout
        return ended.stdout

    def apply(self, *variables: str) -> None:
        """Make it so; a second plan, which has to be empty, shows that nothing drifts."""
        given = [f"-var={variable}" for variable in variables]
        self.run("apply", "-input=false", "-auto-approve", *given)
        self.run("plan", "-input=false", "-detailed-exitcode", *given)

    def destroy(self, *variables: str) -> None:
        """Destroy everything."""
        self.run("destroy", "-input=false", "-auto-approve", *(f"-var={variable}" for variable in variables))

    def outputs(self) -> dict[str, str]:
        """What the stack tells about itself."""
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudAccess]:
    """An emulated account."""
    try:
        find_terraform()
    except TollgateError as error:
        pytest.skip(error.message)
    cloud = LocalCloud(tmp_path_factory.mktemp("home"), [AccountSpec("staging", ACCOUNT, CONFIG.region)])
    cloud.up()
    yield cloud.access("staging")
    cloud.reset()


def prepare(folder: Path, stack: Stack, access: CloudAccess) -> Terraform:
    """A folder as the pipeline makes it, but with the state beside the stack."""
    folder.mkdir()
    (folder / "cdk.tf.json").write_text(json.dumps(stack))
    (folder / "state_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    shutil.copy(ROOT / "environments" / "terraform.lock.hcl", folder / ".terraform.lock.hcl")
    with zipfile.ZipFile(folder / "lambda.zip", "w") as package:
        package.writestr("payments/entrypoints/api.py", HANDLER)
    terraform = Terraform(folder, access)
    terraform.run("init", "-input=false", "-lockfile=readonly")
    return terraform


@pytest.fixture(scope="module")
def instance(
    access: CloudAccess, stacks: dict[str, Stack], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terraform]:
    """The environment's main instance, deployed."""
    terraform = prepare(tmp_path_factory.mktemp("main") / "stack", stacks["staging"], access)
    terraform.apply()
    yield terraform
    terraform.destroy()


def tags(pairs: list[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {pair[key]: pair[value] for pair in pairs}


def names(suffix: str, config: EnvironmentConfig = CONFIG) -> InstanceNames:
    return InstanceNames(environment=config.name, suffix=suffix, account_id=ACCOUNT, owner=config.owner)


def test_buckets(access: CloudAccess, instance: Terraform) -> None:
    """Both buckets are versioned, encrypted, closed, TLS-only, owned, tagged and emptied by time."""
    s3 = client(access, "s3")
    for kind in ("transaction-logs", "receipts"):
        bucket = {"Bucket": names("staging").bucket(kind)}
        assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
        (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
        assert set(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values()) == {True}
        (owned,) = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
        assert owned == {"ObjectOwnership": "BucketOwnerEnforced"}
        (denied,) = json.loads(s3.get_bucket_policy(**bucket)["Policy"])["Statement"]
        assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        (kept,) = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
        assert kept["Expiration"]["Days"] == CONFIG.retention_days
        assert kept["NoncurrentVersionExpiration"]["NoncurrentDays"] == CONFIG.retention_days
        assert kept["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
        assert tags(s3.get_bucket_tagging(**bucket)["TagSet"]) == names("staging").tags


def test_table(access: CloudAccess, instance: Terraform) -> None:
    """The table and its indexes have the configured capacity; it is encrypted, restorable and forgets by itself."""
    assert CONFIG.capacity is not None
    dynamodb = client(access, "dynamodb")
    table = dynamodb.describe_table(TableName="transactions-staging")["Table"]
    capacity = {
        "ReadCapacityUnits": CONFIG.capacity.read_units,
        "WriteCapacityUnits": CONFIG.capacity.write_units,
    }

    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert set(indexes) == {CUSTOMER_INDEX, DATE_INDEX}
    for part in (table, *indexes.values()):
        assert capacity.items() <= part["ProvisionedThroughput"].items()
    assert table["SSEDescription"]["Status"] == "ENABLED"
    assert not table.get("DeletionProtectionEnabled")
    backups = dynamodb.describe_continuous_backups(TableName="transactions-staging")
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert (recovery["PointInTimeRecoveryStatus"] == "ENABLED") == CONFIG.point_in_time_recovery
    expiry = dynamodb.describe_time_to_live(TableName="transactions-staging")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert (
        tags(dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]) == names("staging").tags
    )


@pytest.mark.parametrize(
    ("index", "key"), [(CUSTOMER_INDEX, "customer_id"), (DATE_INDEX, "transaction_date")]
)
def test_index_pages_in_order_of_time(access: CloudAccess, instance: Terraform, index: str, key: str) -> None:
    """Each index gives what belongs together, newest first, page by page."""
    dynamodb = client(access, "dynamodb")
    for place in (2, 0, 1):
        item = {"pk": f"{index}-{place}", "sk": "payment", key: "one", "created_at": f"2026-01-0{place + 1}"}
        dynamodb.put_item(
            TableName="transactions-staging", Item={name: {"S": value} for name, value in item.items()}
        )
    found: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.query(
            TableName="transactions-staging",
            IndexName=index,
            KeyConditionExpression=f"{key} = :one",
            ExpressionAttributeValues={":one": {"S": "one"}},
            ScanIndexForward=False,
            Limit=1,
            **start,
        )
        found += [item["pk"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    assert found == [f"{index}-{place}" for place in (2, 1, 0)]


def test_function(access: CloudAccess, instance: Terraform, stacks: dict[str, Stack]) -> None:
    """The function has the configured memory and timeout, its environment, its version behind the alias, its log."""
    functions = client(access, "lambda")
    function = functions.get_function(FunctionName="payments-api-staging")
    configuration = function["Configuration"]
    synthesized = only(stacks["staging"], "aws_lambda_function")["environment"]["variables"]

    assert configuration["MemorySize"] == CONFIG.memory_mb
    assert configuration["Timeout"] == CONFIG.timeout_seconds
    assert configuration["TracingConfig"]["Mode"] == ("Active" if CONFIG.tracing else "PassThrough")
    environment = configuration["Environment"]["Variables"]
    assert set(environment) == set(synthesized)
    assert environment["ENVIRONMENT_SUFFIX"] == "staging"
    assert environment["TRANSACTIONS_TABLE"] == "transactions-staging"
    assert environment["RECEIPTS_BUCKET"] == names("staging").bucket("receipts")
    assert environment["MAX_AMOUNT_MINOR"] == str(CONFIG.max_amount_minor)
    assert function["Tags"] == names("staging").tags
    alias = functions.get_alias(FunctionName="payments-api-staging", Name="live")
    assert alias["FunctionVersion"].isdigit()
    groups = client(access, "logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        "/aws/apigateway/payments-api-staging": CONFIG.log_retention_days,
        "/aws/lambda/payments-api-staging": CONFIG.log_retention_days,
    }


def test_role(access: CloudAccess, instance: Terraform) -> None:
    """The function's role stands within its boundary and holds our policies, none attached from elsewhere."""
    iam = client(access, "iam")
    role = iam.get_role(RoleName="payments-api-function-staging")["Role"]

    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == names("staging").function_boundary_arn
    assert iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"] == []
    assert sorted(iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]) == [
        "UseReceipts",
        "UseTransactions",
        "WriteLogs",
        "WriteTraces",
        "WriteTransactionLog",
    ]


def test_api(access: CloudAccess, instance: Terraform) -> None:
    """The stage has the configured limits, logs and traces; every route is there and asks for a key as it should."""
    gateway = client(access, "apigateway")
    outputs = instance.outputs()
    api = outputs["rest_api_id"]
    stage = gateway.get_stage(restApiId=api, stageName=outputs["stage_name"])
    settings = stage["methodSettings"]["*/*"]

    assert stage["tracingEnabled"] == CONFIG.tracing
    assert stage["variables"] == {"release": "unreleased"}
    assert json.loads(stage["accessLogSettings"]["format"])["status"] == "$context.status"
    assert settings["throttlingRateLimit"] == CONFIG.rate_per_second
    assert settings["throttlingBurstLimit"] == CONFIG.burst
    assert settings["metricsEnabled"] is True
    (plan,) = gateway.get_usage_plans()["items"]
    assert plan["quota"]["limit"] == CONFIG.quota_per_day
    assert plan["throttle"] == {"rateLimit": CONFIG.rate_per_second, "burstLimit": CONFIG.burst}
    found = set()
    for resource in gateway.get_resources(restApiId=api, limit=500)["items"]:
        for method in resource.get("resourceMethods", {}):
            made = gateway.get_method(restApiId=api, resourceId=resource["id"], httpMethod=method)
            found.add((method, resource["path"], made["apiKeyRequired"]))
    routes = ApiDefinition.read(OPENAPI).routes
    assert found == {(route.method, route.path, route.needs_key) for route in routes}


def test_monitoring(access: CloudAccess, instance: Terraform, stacks: dict[str, Stack]) -> None:
    """Every alarm has its threshold and tells the topic; the dashboard and the count of refusals are there."""
    cloudwatch = client(access, "cloudwatch")
    alarms = {alarm["AlarmName"]: alarm for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    wanted = {
        body["alarm_name"].replace("${var.environment_suffix}", "staging"): body["threshold"]
        for body in resources(stacks["staging"], "aws_cloudwatch_metric_alarm").values()
    }

    assert {name: alarm["Threshold"] for name, alarm in alarms.items()} == wanted
    (topic,) = client(access, "sns").list_topics()["Topics"]
    assert all(alarm["AlarmActions"] == [topic["TopicArn"]] for alarm in alarms.values())
    assert cloudwatch.get_dashboard(DashboardName="payments-staging")["DashboardBody"]
    (counted,) = client(access, "logs").describe_metric_filters()["metricFilters"]
    assert counted["filterName"] == "payments-business-errors-staging"


def test_credential_has_no_value(access: CloudAccess, instance: Terraform) -> None:
    """The secret is there by name, tagged, and empty until a person fills it."""
    secrets = client(access, "secretsmanager")
    secret = secrets.describe_secret(SecretId="payment-provider-staging")

    assert tags(secret["Tags"]) == names("staging").tags
    # AWS knows no version of such a secret; the emulator makes an empty one.
    with suppress(secrets.exceptions.ResourceNotFoundException):
        assert not secrets.get_secret_value(SecretId="payment-provider-staging").get("SecretString")


def test_second_instance_comes_and_goes_beside_the_first(
    access: CloudAccess, instance: Terraform, stacks: dict[str, Stack], tmp_path: Path
) -> None:
    """Another suffix is another instance in the same account; destroying it leaves the first as it was."""
    second = prepare(tmp_path / "stack", stacks["staging"], access)
    suffix = "environment_suffix=pr-42"
    second.apply(suffix)
    assert second.outputs()["rest_api_id"] != instance.outputs()["rest_api_id"]
    tables = client(access, "dynamodb").list_tables()["TableNames"]
    assert sorted(tables) == ["transactions-pr-42", "transactions-staging"]

    second.destroy(suffix)

    instance.run("plan", "-input=false", "-detailed-exitcode")
    assert client(access, "dynamodb").list_tables()["TableNames"] == ["transactions-staging"]
    buckets = {bucket["Name"] for bucket in client(access, "s3").list_buckets()["Buckets"]}
    assert not [name for name in buckets if name.endswith("-pr-42")]


def test_account_is_bootstrapped_and_given_up(
    access: CloudAccess, bootstraps: dict[str, Stack], tmp_path: Path
) -> None:
    """What an account has once is made, does not drift, signs, and can be given up again."""
    terraform = prepare(tmp_path / "stack", bootstraps["staging"], access)
    terraform.apply()
    outputs = terraform.outputs()
    signed = client(access, "kms").sign(
        KeyId=outputs["signing_key_alias"], Message=b"evidence", SigningAlgorithm="ECDSA_SHA_256"
    )

    assert signed["Signature"]
    assert int(outputs["concurrency_target"]) == CONFIG.concurrency_target
    made = {kind for kind, _ in every(bootstraps["staging"])}
    assert made >= {"aws_api_gateway_account", "aws_iam_openid_connect_provider", "aws_kms_key"}
    terraform.destroy()
    roles = [role["RoleName"] for role in client(access, "iam").list_roles()["Roles"]]
    assert not [role for role in roles if role.startswith("tollgate-")]


def test_terraform_refuses_values_of_a_wrong_form(
    access: CloudAccess, stacks: dict[str, Stack], tmp_path: Path
) -> None:
    """A suffix, an account or a release of a wrong form is refused, in one sentence each."""
    terraform = prepare(tmp_path / "stack", stacks["dev"], access)
    wrong = ("environment_suffix=Pr_42", "account_id=12", "release=latest")

    said = " ".join(
        terraform.run("plan", "-input=false", *(f"-var={each}" for each in wrong), code=1).split()
    )

    assert "environment_suffix must be at most 20 lower-case letters, digits and single hyphens." in said
    assert "account_id must be 12 digits." in said
    assert "release must be sha256: and 64 hexadecimal digits." in said
