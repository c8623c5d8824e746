"""Ways to spoil a good release, each noticed by exactly one policy of ours and none of checkov's checks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Stacks = dict[str, Document]


@dataclass(frozen=True)
class Mutation:
    """One change of otherwise good stacks.

    Attributes:
        kills: The policy that must notice.
        change: What it does, in place.
        whole: Whether it needs the whole release; otherwise it changes dev, which is judged alone.
    """

    kills: str
    change: Callable[[Stacks], object]
    whole: bool = False


def named(document: Document, kind: str) -> dict[str, Document]:
    """The resources of a type, by name."""
    found: dict[str, Document] = document["resource"][kind]
    return found


def first(document: Document, kind: str, **having: Any) -> Document:
    """The first resource of a type that has these arguments."""
    return next(
        body for body in named(document, kind).values() if all(body.get(k) == v for k, v in having.items())
    )


def execution_log(document: Document) -> Document:
    """The log group whose name API Gateway chooses."""
    groups = named(document, "aws_cloudwatch_log_group").values()
    return next(body for body in groups if body["name"].startswith("API-Gateway-"))


def twice(document: Document, kind: str, **other: Any) -> None:
    """Add a second one like the first of a type."""
    named(document, kind)["second"] = {**first(document, kind), **other, "//": {}}


def policy_of(document: Document, kind: str, argument: str, **changes: Any) -> None:
    """Change the first statement of the first document of a type."""
    body = first(document, kind)
    content = json.loads(body[argument])
    content["Statement"][0] |= changes
    body[argument] = json.dumps(content)


def permission(document: Document, **statement: Any) -> None:
    """Give the function's role one more permission."""
    body = first(document, "aws_iam_role_policy")
    content = json.loads(body["policy"])
    content["Statement"].append({"Effect": "Allow", **statement})
    body["policy"] = json.dumps(content)


def alarm_on(document: Document, metric: str) -> list[Document]:
    """The alarms on a metric."""
    return [
        alarm
        for alarm in named(document, "aws_cloudwatch_metric_alarm").values()
        if metric in json.dumps([alarm.get("metric_name"), alarm.get("metric_query")])
    ]


def silence(document: Document, metric: str) -> None:
    """Let the alarms on a metric tell nobody."""
    for alarm in alarm_on(document, metric):
        alarm["alarm_actions"] = []


def rule(document: Document) -> Document:
    """The lifecycle rule of the first bucket."""
    rules: list[Document] = first(document, "aws_s3_bucket_lifecycle_configuration")["rule"]
    return rules[0]


def role_of(document: Document) -> str:
    """A reference to the function's role."""
    return f"${{aws_iam_role.{next(iter(named(document, 'aws_iam_role')))}.arn}}"


def table_of(document: Document) -> str:
    """A reference to the table."""
    return f"${{aws_dynamodb_table.{next(iter(named(document, 'aws_dynamodb_table')))}.arn}}"


API = "aws_api_gateway_rest_api"
ROLE = "aws_iam_role"
TABLE = "aws_dynamodb_table"
FUNCTION = "aws_lambda_function"
BUCKET = "aws_s3_bucket"
STAGE = "aws_api_gateway_stage"
SETTINGS = "aws_api_gateway_method_settings"
PLAN = "aws_api_gateway_usage_plan"
DEPLOYMENT = "aws_api_gateway_deployment"
TOMORROW = {"enabled": True, "expiration": [{"days": 1}]}
ELSEWHERE = {
    "openapi": "3.0.1",
    "paths": {"/out": {"post": {"x-amazon-apigateway-integration": {"type": "http_proxy"}}}},
}
TRUSTING = {
    "Principal": {"Federated": "cognito-identity.amazonaws.com"},
    "Action": "sts:AssumeRoleWithWebIdentity",
}

DEV = [
    Mutation("PAY_NAMING_1", lambda d: first(d["dev"], TABLE).update(name="transactions-dev")),
    Mutation(
        "PAY_NAMING_1", lambda d: first(d["dev"], BUCKET).update(bucket="receipts-${var.environment_suffix}")
    ),
    Mutation(
        "PAY_NAMING_1", lambda d: execution_log(d["dev"]).update(name="API-Gateway-Execution-Logs_a1/dev")
    ),
    Mutation(
        "PAY_NAMING_1",
        lambda d: execution_log(d["dev"]).update(
            name=execution_log(d["dev"])["name"].replace("${var.environment_suffix}", "dev")
        ),
    ),
    Mutation("PAY_TAGS_1", lambda d: first(d["dev"], TABLE)["tags"].pop("Owner")),
    Mutation("PAY_TAGS_1", lambda d: first(d["dev"], FUNCTION)["tags"].update(Environment="prod")),
    Mutation(
        "PAY_S3_1",
        lambda d: first(d["dev"], "aws_s3_bucket_server_side_encryption_configuration")["rule"][0][
            "apply_server_side_encryption_by_default"
        ].update(kms_master_key_id="alias/ours"),
    ),
    Mutation(
        "PAY_S3_2", lambda d: policy_of(d["dev"], "aws_s3_bucket_policy", "policy", Action="s3:PutObject")
    ),
    Mutation("PAY_S3_3", lambda d: twice(d["dev"], "aws_s3_bucket_versioning")),
    Mutation("PAY_S3_4", lambda d: twice(d["dev"], "aws_s3_bucket_public_access_block")),
    Mutation("PAY_S3_5", lambda d: rule(d["dev"]).update(expiration=[{"days": 6}])),
    Mutation("PAY_S3_5", lambda d: rule(d["dev"]).pop("noncurrent_version_expiration")),
    Mutation("PAY_S3_6", lambda d: d["dev"]["resource"].pop("aws_s3_bucket_ownership_controls")),
    Mutation("PAY_DYNAMODB_1", lambda d: first(d["dev"], TABLE).pop("server_side_encryption")),
    Mutation("PAY_DYNAMODB_2", lambda d: first(d["dev"], TABLE).pop("point_in_time_recovery")),
    Mutation("PAY_DYNAMODB_3", lambda d: first(d["dev"], TABLE).update(read_capacity=5, write_capacity=5)),
    Mutation("PAY_LAMBDA_1", lambda d: first(d["dev"], FUNCTION).update(memory_size=128)),
    Mutation("PAY_LAMBDA_2", lambda d: first(d["dev"], FUNCTION).update(timeout=29)),
    Mutation("PAY_LAMBDA_3", lambda d: first(d["dev"], FUNCTION).pop("logging_config")),
    Mutation(
        "PAY_LOGS_1", lambda d: first(d["dev"], "aws_cloudwatch_log_group").update(retention_in_days=14)
    ),
    Mutation("PAY_LAMBDA_4", lambda d: first(d["dev"], FUNCTION).update(filename="/tmp/other.zip")),
    Mutation("PAY_LAMBDA_4", lambda d: first(d["dev"], FUNCTION).pop("source_code_hash")),
    Mutation(
        "PAY_APIGATEWAY_6",
        lambda d: first(d["dev"], "aws_api_gateway_integration").update(
            type="HTTP_PROXY", uri="https://example.com"
        ),
    ),
    Mutation("PAY_LITERAL_3", lambda d: first(d["dev"], STAGE)["variables"].update(region="us-east-1")),
    Mutation("PAY_TRACING_1", lambda d: first(d["dev"], FUNCTION).update(tracing_config={"mode": "Active"})),
    Mutation(
        "PAY_APIGATEWAY_1",
        lambda d: first(d["dev"], STAGE)["access_log_settings"].update(
            destination_arn="arn:aws:logs:::log-group:x"
        ),
    ),
    Mutation(
        "PAY_APIGATEWAY_2",
        lambda d: first(d["dev"], "aws_api_gateway_resource", path_part="health").update(path_part="open"),
    ),
    Mutation(
        "PAY_APIGATEWAY_3",
        lambda d: first(d["dev"], "aws_api_gateway_method", http_method="POST").pop("request_models"),
    ),
    Mutation(
        "PAY_APIGATEWAY_3",
        lambda d: first(d["dev"], "aws_api_gateway_request_validator").update(
            validate_request_parameters=False
        ),
    ),
    Mutation(
        "PAY_APIGATEWAY_4", lambda d: first(d["dev"], SETTINGS)["settings"].update(throttling_rate_limit=-1)
    ),
    Mutation("PAY_APIGATEWAY_4", lambda d: first(d["dev"], SETTINGS).update(method_path="health/GET")),
    Mutation("PAY_APIGATEWAY_5", lambda d: first(d["dev"], PLAN).pop("quota_settings")),
    Mutation("PAY_ALARM_1", lambda d: silence(d["dev"], "5XXError")),
    Mutation("PAY_ALARM_2", lambda d: silence(d["dev"], "Latency")),
    Mutation(
        "PAY_IAM_1",
        lambda d: permission(d["dev"], Action="sqs:Get*", Resource=role_of(d["dev"])),
    ),
    Mutation(
        "PAY_IAM_2",
        lambda d: permission(
            d["dev"], Action="dynamodb:DescribeTable", Resource="arn:aws:dynamodb:*:*:table/x*"
        ),
    ),
    Mutation(
        "PAY_IAM_2",
        lambda d: permission(d["dev"], Action="dynamodb:DescribeTable", Resource=f"{table_of(d['dev'])}*"),
    ),
    Mutation("PAY_IAM_3", lambda d: permission(d["dev"], Action="iam:PassRole", Resource=role_of(d["dev"]))),
    Mutation("PAY_IAM_4", lambda d: policy_of(d["dev"], ROLE, "assume_role_policy", **TRUSTING)),
    Mutation(
        "PAY_IAM_5",
        lambda d: first(d["dev"], ROLE).update(
            managed_policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]
        ),
    ),
    Mutation("PAY_DESTROY_1", lambda d: first(d["dev"], BUCKET).update(force_destroy=False)),
    Mutation("PAY_DESTROY_1", lambda d: first(d["dev"], BUCKET).update(object_lock_enabled=True)),
    Mutation("PAY_DESTROY_1", lambda d: first(d["dev"], TABLE).update(lifecycle={"prevent_destroy": True})),
    Mutation("PAY_PROVIDER_1", lambda d: d["dev"]["provider"]["aws"][0].update(region="us-east-1")),
    Mutation("PAY_PROVIDER_2", lambda d: d["dev"]["provider"]["aws"][0].pop("allowed_account_ids")),
    Mutation(
        "PAY_LITERAL_1",
        lambda d: first(d["dev"], "aws_api_gateway_api_key").update(description="AKIAIOSFODNN7EXAMPLE"),
    ),
    Mutation("PAY_LITERAL_2", lambda d: first(d["dev"], API).update(description="of 123456789012")),
    Mutation("PAY_RELEASE_1", lambda d: d["dev"]["provider"].update(null=[{}])),
    Mutation(
        "PAY_RELEASE_1",
        lambda d: d["dev"]["terraform"]["required_providers"]["aws"].update(
            source="example.com/somebody/aws"
        ),
    ),
    Mutation(
        "PAY_RELEASE_2",
        lambda d: d["dev"]["resource"].update(
            aws_xray_group={"g": {**first(d["dev"], TABLE), "//": {}, "name": "g-${var.environment_suffix}"}}
        ),
    ),
    Mutation("PAY_RELEASE_3", lambda d: d["dev"].update(data={"external": {"x": {"program": ["id"]}}})),
    Mutation("PAY_RELEASE_4", lambda d: d["dev"].update(locals={"x": "y"})),
    Mutation("PAY_RELEASE_4", lambda d: d["dev"]["variable"].update(image={"type": "string"})),
    Mutation(
        "PAY_RELEASE_5", lambda d: d["dev"].update(moved={"from": "aws_s3_bucket.a", "to": "aws_s3_bucket.b"})
    ),
    Mutation(
        "PAY_RELEASE_6", lambda d: first(d["dev"], TABLE).update(lifecycle={"ignore_changes": ["tags"]})
    ),
    Mutation(
        "PAY_RELEASE_6",
        lambda d: first(d["dev"], TABLE).update(provisioner=[{"local-exec": {"command": "id"}}]),
    ),
    Mutation("PAY_RELEASE_5", lambda d: d["dev"].update({"import": [{"to": "aws_s3_bucket.a", "id": "a"}]})),
    Mutation("PAY_RELEASE_5", lambda d: d["dev"].update(removed=[{"from": "aws_s3_bucket.a"}])),
    Mutation("PAY_RELEASE_6", lambda d: first(d["dev"], TABLE).update(provider="aws.second")),
    Mutation(
        "PAY_RELEASE_7", lambda d: first(d["dev"], "aws_secretsmanager_secret").update(secret_string_wo="x")
    ),
    Mutation("PAY_RELEASE_8", lambda d: first(d["dev"], API).update(description='${file("/etc/hostname")}')),
    Mutation(
        "PAY_RELEASE_8", lambda d: first(d["dev"], ROLE)["tags"].update({"//": '${file("/etc/hostname")}'})
    ),
    Mutation("PAY_RELEASE_7", lambda d: d["dev"]["variable"]["release"].update(ephemeral=True)),
    Mutation("PAY_RELEASE_8", lambda d: first(d["dev"], API).update(description="%{ if true }x%{ endif }")),
    Mutation("PAY_RELEASE_9", lambda d: d["dev"]["terraform"].update(backend={"local": {}})),
    Mutation("PAY_RELEASE_10", lambda d: d["dev"]["output"].update(x={"value": "AKIAIOSFODNN7EXAMPLE"})),
    Mutation("PAY_RELEASE_11", lambda d: d["dev"]["variable"]["environment_suffix"].update(default="prod")),
    Mutation("PAY_RELEASE_11", lambda d: d["dev"]["variable"]["account_id"].update(default="none")),
    Mutation("PAY_RELEASE_12", lambda d: first(d["dev"], API).update(body=json.dumps(ELSEWHERE))),
    Mutation("PAY_RELEASE_12", lambda d: first(d["dev"], DEPLOYMENT).update(stage_name="second")),
    Mutation("PAY_RELEASE_12", lambda d: first(d["dev"], BUCKET).update(lifecycle_rule=[TOMORROW])),
]

WHOLE = [
    Mutation(
        "PAY_MIRROR_1",
        lambda d: d["dev"]["resource"].update(
            aws_lambda_provisioned_concurrency_config={"x": {"qualifier": "live"}}
        ),
        whole=True,
    ),
    Mutation("PAY_MIRROR_2", lambda d: twice(d["staging"], "aws_api_gateway_usage_plan_key"), whole=True),
    Mutation("PAY_MIRROR_3", lambda d: first(d["staging"], TABLE).update(read_capacity=40000), whole=True),
    Mutation(
        "PAY_MIRROR_4",
        lambda d: first(d["staging"], FUNCTION)["environment"]["variables"].update(
            POWERTOOLS_LOG_LEVEL="DEBUG"
        ),
        whole=True,
    ),
]

MUTATIONS = DEV + WHOLE
