"""What an emulated account does as AWS would: permissions, functions, APIs, conditional writes, alarms."""

import io
import json
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from pipeline.targets.local import AccountSpec, CloudAccess, LocalCloud
from tests.pipeline.local_cloud_client import client

pytestmark = pytest.mark.cloud

_ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudAccess]:
    """One account for all tests here."""
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), [AccountSpec("dev", _ACCOUNT, "ap-northeast-2")])
    cloud.up()
    yield cloud.access("dev")
    cloud.reset()


def _role(access: CloudAccess, name: str, trusts: Mapping[str, str], **allowed: str) -> str:
    """Make a role that `trusts` may assume and that may do what `allowed` says; return its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": dict(trusts)}],
    }
    iam = client(access, "iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": action.replace("_", ":"), "Resource": resource}
        for action, resource in allowed.items()
    ]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=policy)
    return arn


def _bucket(access: CloudAccess, name: str) -> None:
    where = {"LocationConstraint": access.region}
    client(access, "s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)


def _package(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        for name, text in files.items():
            package.writestr(f"{name}.py", text)
    return content.getvalue()


def _call(url: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_the_account_is_who_it_says(access: CloudAccess) -> None:
    """The caller's identity names the account, with nothing but the variables an account gives out."""
    identity = client(access, "sts").get_caller_identity()
    assert identity["Account"] == _ACCOUNT == access.variables["AWS_ACCESS_KEY_ID"]


@pytest.mark.parametrize("key", ["999988887777", "test", "AKIAIOSFODNN7EXAMPLE"])
def test_credentials_of_anybody_else_are_refused(access: CloudAccess, key: str) -> None:
    """Neither another account's id nor an unknown key opens this account."""
    with pytest.raises(ClientError) as raised:
        client(access, "dynamodb", {"AccessKeyId": key, "SecretAccessKey": "x"}).list_tables()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("path", ["/", "/bucket/key", "/2015-03-31/functions", "/restapis"])
def test_an_unsigned_request_is_refused(access: CloudAccess, path: str) -> None:
    """Nobody is nobody here, where the emulator alone takes nobody for the root user."""
    status, said = _call(access.endpoint_url + path, {})
    assert status == 403
    assert "MissingAuthenticationToken" in said


def test_a_refusal_is_told_in_the_words_of_the_service(access: CloudAccess) -> None:
    """A sign-in with a token of elsewhere, which is not supported, is refused in AWS's own format."""
    with pytest.raises(ClientError) as raised:
        client(access, "sts").assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{_ACCOUNT}:role/any", RoleSessionName="test", WebIdentityToken="a.b.c"
        )
    assert raised.value.response["Error"]["Code"] == "MissingAuthenticationToken"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Host": "attacker.example"}),
        ("/", {"Origin": "https://attacker.example"}),
        ("/_ministack/reset", {}),
        ("/_ministack/config", {}),
        ("/_localstack/health", {}),
        ("/_tollgate/checkpoint", {}),
    ],
)
def test_neither_web_pages_nor_strangers_reach_the_account(
    access: CloudAccess, path: str, headers: dict[str, str]
) -> None:
    """A rebound name, a page of another origin and the emulator's own administration are turned away."""
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={_ACCOUNT}/20260101/x/sts/aws4_request"}
    status, _ = _call(access.endpoint_url + path, {**signed, **headers}, b"")
    assert status == 403


def test_a_role_may_do_what_its_policy_says_and_nothing_else(access: CloudAccess) -> None:
    """IAM is enforced: an assumed role reads where it may, and is denied what it may not."""
    _bucket(access, "readable")
    client(access, "s3").put_object(Bucket="readable", Key="k", Body=b"content")
    root = {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}
    arn = _role(access, "reader", root, s3_GetObject="arn:aws:s3:::readable/*")
    session = client(access, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    reader = client(access, "s3", session)
    assert reader.get_object(Bucket="readable", Key="k")["Body"].read() == b"content"
    with pytest.raises(ClientError, match="not authorized to perform: s3:PutObject"):
        reader.put_object(Bucket="readable", Key="k", Body=b"other")
    with pytest.raises(ClientError, match="not authorized to perform: dynamodb:ListTables"):
        client(access, "dynamodb", session).list_tables()


def test_a_permissions_boundary_bounds(access: CloudAccess) -> None:
    """A role does only what its policies and its boundary both allow."""
    _bucket(access, "bounded")
    for key in ("in", "out"):
        client(access, "s3").put_object(Bucket="bounded", Key=key, Body=b"content")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bounded/in"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boundary = client(access, "iam").create_policy(PolicyName="wall", PolicyDocument=policy)["Policy"]["Arn"]
    arn = _role(access, "bounded", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}, s3_GetObject="*")
    client(access, "iam").put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=boundary)
    session = client(access, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    bounded = client(access, "s3", session)
    assert bounded.get_object(Bucket="bounded", Key="in")["Body"].read() == b"content"
    with pytest.raises(ClientError, match="not authorized to perform: s3:GetObject"):
        bounded.get_object(Bucket="bounded", Key="out")


def test_a_boundary_that_does_not_exist_is_given_to_nobody(access: CloudAccess) -> None:
    """As on AWS, no role is made with a boundary that is not there, and none gets one later."""
    iam = client(access, "iam")
    _role(access, "unbounded", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"})
    missing = f"arn:aws:iam::{_ACCOUNT}:policy/nowhere"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    with pytest.raises(ClientError, match=f"Scope ARN: {missing} does not exist"):
        iam.create_role(RoleName="early", AssumeRolePolicyDocument=trust, PermissionsBoundary=missing)
    with pytest.raises(ClientError, match=f"Scope ARN: {missing} does not exist"):
        iam.put_role_permissions_boundary(RoleName="unbounded", PermissionsBoundary=missing)
    assert "early" not in {role["RoleName"] for role in iam.list_roles()["Roles"]}


def test_a_boundary_that_is_gone_lets_nothing_through(access: CloudAccess) -> None:
    """A role whose boundary was deleted may do nothing, rather than all that its policies say."""
    iam = client(access, "iam")
    _bucket(access, "gone")
    client(access, "s3").put_object(Bucket="gone", Key="k", Body=b"content")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boundary = iam.create_policy(PolicyName="torn-down", PolicyDocument=policy)["Policy"]["Arn"]
    arn = _role(access, "left", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}, s3_GetObject="*")
    iam.put_role_permissions_boundary(RoleName="left", PermissionsBoundary=boundary)
    session = client(access, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    assert client(access, "s3", session).get_object(Bucket="gone", Key="k")["Body"].read() == b"content"
    iam.delete_policy(PolicyArn=boundary)
    with pytest.raises(ClientError, match="not authorized to perform: s3:GetObject"):
        client(access, "s3", session).get_object(Bucket="gone", Key="k")


def test_who_makes_roles_can_be_held_to_a_boundary(access: CloudAccess) -> None:
    """The condition key `iam:PermissionsBoundary` lets a role make roles with that boundary and no others."""
    iam = client(access, "iam")
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    wall = iam.create_policy(PolicyName="required", PolicyDocument=policy)["Policy"]["Arn"]
    arn = _role(access, "maker", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"})
    statement = {
        "Effect": "Allow",
        "Action": "iam:CreateRole",
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": wall}},
    }
    allowed = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="maker", PolicyName="allowed", PolicyDocument=allowed)
    session = client(access, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    maker = client(access, "iam", session)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    maker.create_role(RoleName="walled", AssumeRolePolicyDocument=trust, PermissionsBoundary=wall)
    with pytest.raises(ClientError, match="not authorized to perform: iam:CreateRole"):
        maker.create_role(RoleName="free", AssumeRolePolicyDocument=trust)


def test_a_transaction_is_authorized_item_by_item(access: CloudAccess) -> None:
    """Whoever may put an item may put it in a transaction; a delete in the same transaction needs its own right."""
    client(access, "dynamodb").create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = f"arn:aws:dynamodb:{access.region}:{_ACCOUNT}:table/ledger"
    arn = _role(access, "putter", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}, dynamodb_PutItem=table)
    session = client(access, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    putter = client(access, "dynamodb", session)
    put = {"Put": {"TableName": "ledger", "Item": {"pk": {"S": "a"}}}}
    delete = {"Delete": {"TableName": "ledger", "Key": {"pk": {"S": "b"}}}}
    putter.transact_write_items(TransactItems=[put])
    with pytest.raises(ClientError, match="AccessDenied"):
        putter.transact_write_items(TransactItems=[put, delete])
    with pytest.raises(ClientError, match="AccessDenied"):
        putter.transact_get_items(TransactItems=[{"Get": {"TableName": "ledger", "Key": {"pk": {"S": "a"}}}}])


def test_a_conditional_write_happens_once(access: CloudAccess) -> None:
    """`If-None-Match: *` lets one writer win: what Terraform's lock file in S3 stands on."""
    _bucket(access, "locks")
    s3 = client(access, "s3")
    s3.put_object(Bucket="locks", Key="state.tflock", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket="locks", Key="state.tflock", Body=b"second", IfNoneMatch="*")
    assert raised.value.response["Error"]["Code"] == "PreconditionFailed"
    s3.delete_object(Bucket="locks", Key="state.tflock")
    s3.put_object(Bucket="locks", Key="state.tflock", Body=b"third", IfNoneMatch="*")


_HANDLER = """
import importlib.util, json, os
import boto3

def attempt(call):
    try:
        call()
        return "done"
    except Exception as error:
        return type(error).__name__ + ": " + str(error)

def handler(event, context):
    s3 = boto3.client("s3")
    said = {
        "caller": boto3.client("sts").get_caller_identity()["Arn"],
        "allowed": attempt(lambda: s3.put_object(Bucket="written", Key="k", Body=b"by the function")),
        "denied": attempt(lambda: s3.get_object(Bucket="written", Key="k")),
        "pytest": importlib.util.find_spec("pytest") is not None,
        "settings": [name for name in os.environ if name.startswith("MINISTACK") or name == "LOG_LEVEL"],
    }
    return {"statusCode": 200, "body": json.dumps(said)}
"""


@pytest.fixture(scope="module")
def function(access: CloudAccess) -> str:
    """A function whose role may write to one bucket; its ARN."""
    _bucket(access, "written")
    lambda_ = {"Service": "lambda.amazonaws.com"}
    role = _role(access, "writer", lambda_, s3_PutObject="arn:aws:s3:::written/*")
    made = client(access, "lambda").create_function(
        FunctionName="writer",
        Role=role,
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": _package(index=_HANDLER)},
        Architectures=["arm64"],
        Timeout=20,
    )
    return str(made["FunctionArn"])


def test_a_function_acts_as_its_role_in_the_same_account(access: CloudAccess, function: str) -> None:
    """boto3 inside a function reaches its own account, may do what the role may, and is denied the rest."""
    answer = client(access, "lambda").invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(json.loads(answer["Payload"].read())["body"])
    assert said["caller"] == f"arn:aws:sts::{_ACCOUNT}:assumed-role/writer/writer"
    assert said["allowed"] == "done"
    assert "not authorized to perform: s3:GetObject" in said["denied"]
    written = client(access, "s3").get_object(Bucket="written", Key="k")
    assert written["Body"].read() == b"by the function"


def test_a_function_finds_lambdas_surroundings_only(access: CloudAccess, function: str) -> None:
    """Packages that happen to be installed here, and the emulator's settings, are not a function's to see."""
    answer = client(access, "lambda").invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(json.loads(answer["Payload"].read())["body"])
    assert (said["pytest"], said["settings"]) == (False, [])


def test_an_api_asks_for_its_key(access: CloudAccess, function: str) -> None:
    """A deployed REST API answers to who shows a key of its usage plan, and forbids everybody else."""
    gateway = client(access, "apigateway")
    api = gateway.create_rest_api(name="payments")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(
        restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE", apiKeyRequired=True
    )
    uri = f"arn:aws:apigateway:{access.region}:lambda:path/2015-03-31/functions/{function}/invocations"
    gateway.put_integration(
        restApiId=api,
        resourceId=root,
        httpMethod="GET",
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=uri,
    )
    client(access, "lambda").add_permission(
        FunctionName=function,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    gateway.create_deployment(restApiId=api, stageName="v1")
    key = gateway.create_api_key(name="key", enabled=True)
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": api, "stage": "v1"}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    url = access.invoke_url(api, "v1") + "/"
    assert _call(url, {})[0] == 403
    assert _call(url, {"x-api-key": "wrong"})[0] == 403
    assert _call(url, {"x-api-key": key["value"]})[0] == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", '[object has missing required properties (["amount","currency"])]'),
        (b"[]", '[instance type (array) does not match any allowed primitive type (allowed: ["object"])]'),
        (b"{", "Invalid request body"),
    ],
)
def test_a_refused_body_is_told_why(access: CloudAccess, body: bytes, said: str) -> None:
    """A gateway response's template is given the validator's words, as text that JSON can hold."""
    gateway = client(access, "apigateway")
    api = gateway.create_rest_api(name="validated")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    schema = {"type": "object", "required": ["amount", "currency"]}
    gateway.create_model(
        restApiId=api, name="Body", contentType="application/json", schema=json.dumps(schema)
    )
    validator = gateway.create_request_validator(restApiId=api, name="all", validateRequestBody=True)["id"]
    gateway.put_method(
        restApiId=api,
        resourceId=root,
        httpMethod="POST",
        authorizationType="NONE",
        requestModels={"application/json": "Body"},
        requestValidatorId=validator,
    )
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="POST", type="MOCK")
    gateway.put_gateway_response(
        restApiId=api,
        responseType="BAD_REQUEST_BODY",
        statusCode="400",
        responseTemplates={"application/json": '{"detail":"$context.error.validationErrorString"}'},
    )
    gateway.create_deployment(restApiId=api, stageName="v1")
    answer = _call(access.invoke_url(api, "v1") + "/", {"Content-Type": "application/json"}, body)
    assert answer[0] == 400
    assert json.loads(answer[1]) == {"detail": said}


def test_the_gateways_log_role_belongs_to_the_account(access: CloudAccess) -> None:
    """The account keeps the role with which API Gateway writes logs: one per account and region."""
    role = _role(access, "gateway", {"Service": "apigateway.amazonaws.com"})
    operations = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    client(access, "apigateway").update_account(patchOperations=operations)
    assert client(access, "apigateway").get_account()["cloudwatchRoleArn"] == role


def test_what_was_never_set_is_absent(access: CloudAccess) -> None:
    """A usage plan without throttle and quota has neither, as on AWS."""
    plan = client(access, "apigateway").create_usage_plan(name="bare")
    shown = client(access, "apigateway").get_usage_plan(usagePlanId=plan["id"])
    assert not {"throttle", "quota"} & set(shown)


def test_a_usage_plan_keeps_numbers_when_it_is_changed(access: CloudAccess) -> None:
    """Limits are changed by text, as AWS wants it, and read back as numbers; stages come and go one by one."""
    gateway = client(access, "apigateway")
    stages = [{"apiId": "one", "stage": "dev"}]
    plan = gateway.create_usage_plan(
        name="limited", throttle={"rateLimit": 10.0, "burstLimit": 5}, apiStages=stages
    )
    changes = {
        "/throttle/rateLimit": "12.5",
        "/throttle/burstLimit": "7",
        "/quota/limit": "1000",
        "/quota/offset": "0",
        "/quota/period": "DAY",
    }
    operations = [{"op": "replace", "path": path, "value": value} for path, value in changes.items()]
    operations += [
        {"op": "add", "path": "/apiStages", "value": "two:dev"},
        {"op": "remove", "path": "/apiStages", "value": "one:dev"},
    ]
    gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=operations)

    shown = gateway.get_usage_plan(usagePlanId=plan["id"])
    assert shown["throttle"] == {"rateLimit": 12.5, "burstLimit": 7}
    assert shown["quota"] == {"limit": 1000, "offset": 0, "period": "DAY"}
    assert shown["apiStages"] == [{"apiId": "two", "stage": "dev"}]


@pytest.mark.parametrize(("path", "value"), [("/throttle/burstLimit", "many"), ("/apiStages", "no-stage")])
def test_a_usage_plan_refuses_what_cannot_be_read(access: CloudAccess, path: str, value: str) -> None:
    """A change whose value has a wrong form is refused, and nothing of the request is done."""
    gateway = client(access, "apigateway")
    plan = gateway.create_usage_plan(name="strict", throttle={"rateLimit": 10.0, "burstLimit": 5})
    wrong = [
        {"op": "replace", "path": "/throttle/rateLimit", "value": "20"},
        {"op": "add", "path": path, "value": value},
    ]
    with pytest.raises(ClientError, match="Invalid patch value"):
        gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=wrong)
    assert gateway.get_usage_plan(usagePlanId=plan["id"])["throttle"]["rateLimit"] == 10


def test_an_alarm_is_shown_as_it_was_given(access: CloudAccess) -> None:
    """Metric math, tags and odd characters come back; nothing is added that was not asked for."""
    rate = {"Id": "rate", "Expression": "100 * e", "Label": "<errors> & co", "ReturnData": True}
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "N", "Value": "v"}]}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    errors = {"Id": "e", "MetricStat": stat, "ReturnData": False}
    cloudwatch = client(access, "cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="math",
        Metrics=[rate, errors],
        EvaluationPeriods=3,
        Threshold=1.5,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[{"Key": "Project", "Value": "tollgate"}],
    )
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["math"])["MetricAlarms"]
    assert alarm["Metrics"] == [rate, errors]
    assert not {"Period", "Statistic", "DatapointsToAlarm", "Dimensions"} & set(alarm)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "Project", "Value": "tollgate"}]


def test_a_function_inherits_nothing_from_whoever_started_the_cloud(
    access: CloudAccess, function: str
) -> None:
    """Functions inherit nothing of the environment of the command that started the cloud."""
    code = "import os\ndef handler(event, context):\n    return sorted(os.environ)\n"
    role = client(access, "iam").get_role(RoleName="writer")["Role"]["Arn"]
    client(access, "lambda").create_function(
        FunctionName="names",
        Role=role,
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": _package(index=code)},
    )
    answer = client(access, "lambda").invoke(FunctionName="names", Payload=b"{}")
    names = json.loads(answer["Payload"].read())
    known = re.compile(
        r"_?(AWS|LAMBDA|_X_AMZN|_MINISTACK|PYTHON)\w*|PATH|HOME|TMPDIR|LANG|LC_\w+|TZ|NO_PROXY|SSL_CERT_FILE"
    )
    assert [name for name in names if not known.fullmatch(name)] == []
