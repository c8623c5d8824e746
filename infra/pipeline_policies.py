"""What the pipeline's roles may do in an account, and the walls they and the function live within.

Names of instances begin alike and end with the suffix, so a role can be held to ours without knowing every
suffix.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infra import permissions
from infra.policy_documents import statement

Statement = Mapping[str, Any]
# The last part of a name is the instance's suffix.
_ANY = "*"
PREVIEWS = "pr-*"


class AccountArns:
    """ARNs of what is ours in one account and region.

    Args:
        account_id: The account.
        region: The region.
        suffix: Of which instances: any, or `PREVIEWS`.
    """

    def __init__(self, account_id: str, region: str, suffix: str = _ANY) -> None:
        here = f"{region}:{account_id}"
        self.region = region
        self.alarms = f"arn:aws:cloudwatch:{here}:alarm:payments-{_any_before(suffix)}"
        self.all_alarms = f"arn:aws:cloudwatch:{here}:alarm:{_ANY}"
        self.all_keys = f"arn:aws:kms:{here}:key/{_ANY}"
        self.all_log_groups = f"arn:aws:logs:{here}:log-group:{_ANY}"
        self.api = _api_arns(region)
        self.buckets = [
            f"arn:aws:s3:::{kind}-{account_id}-{suffix}" for kind in ("receipts", "transaction-logs")
        ]
        self.dashboards = f"arn:aws:cloudwatch::{account_id}:dashboard/payments-{suffix}"
        self.execution_logs = f"arn:aws:logs:{here}:log-group:API-Gateway-Execution-Logs_{_ANY}/{suffix}"
        self.functions = f"arn:aws:lambda:{here}:function:payments-api-{suffix}"
        self.function_roles = f"arn:aws:iam::{account_id}:role/payments-api-function-{suffix}"
        self.log_groups = [
            f"arn:aws:logs:{here}:log-group:/aws/{service}/payments-api-{suffix}"
            for service in ("apigateway", "lambda")
        ]
        self.secrets = f"arn:aws:secretsmanager:{here}:secret:payment-provider-{suffix}"
        self.state_bucket = f"arn:aws:s3:::tollgate-state-{account_id}"
        self.tables = f"arn:aws:dynamodb:{here}:table/transactions-{suffix}"
        self.topics = f"arn:aws:sns:{here}:payments-alarms-{suffix}"


def _any_before(suffix: str) -> str:
    """A name may have more parts before the suffix."""
    return suffix if suffix == _ANY else f"{_ANY}-{suffix}"


def _api_arns(region: str) -> list[str]:
    """API Gateway names its things by numbers of its own: all of a kind is the finest there is."""
    kinds = [
        f"/{part}" for kind in ("apikeys", "restapis", "usageplans") for part in (kind, f"{kind}/{_ANY}")
    ]
    return [f"arn:aws:apigateway:{region}::{path}" for path in (*kinds, f"/tags/{_ANY}")]


def reading(arns: AccountArns) -> list[Statement]:
    """What a plan needs: to read what is there, and to take the lock on the state."""
    return [
        statement("ReadApis", permissions.DESCRIBE_API, arns.api),
        # Listing knows no resource finer than all of the account's own.
        statement("ListAlarms", permissions.DESCRIBE_ALARMS, arns.all_alarms),
        statement("ReadDashboards", permissions.DESCRIBE_DASHBOARD, arns.dashboards),
        statement("ReadTables", permissions.DESCRIBE_TABLE, arns.tables),
        statement("ReadRoles", permissions.DESCRIBE_ROLE, arns.function_roles),
        statement(
            "ReadManagedKey",
            permissions.DESCRIBE_KEY,
            arns.all_keys,
            condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/aws/dynamodb"}},
        ),
        statement("ReadFunctions", permissions.DESCRIBE_FUNCTION, arns.functions),
        statement("ListLogGroups", permissions.DESCRIBE_LOG_GROUPS, arns.all_log_groups),
        statement("ReadLogGroups", permissions.DESCRIBE_LOG_GROUP, [*arns.log_groups, arns.execution_logs]),
        statement("ReadBuckets", permissions.DESCRIBE_BUCKET, arns.buckets),
        statement("ReadSecrets", permissions.DESCRIBE_SECRET, arns.secrets),
        statement("ReadTopics", permissions.DESCRIBE_TOPIC, arns.topics),
        statement("ListStates", permissions.STATE_LIST, arns.state_bucket),
    ]


def planning(arns: AccountArns) -> list[Statement]:
    """The plan role: it reads, and writes nothing but the locks beside the state."""
    return [
        *reading(arns),
        statement("ReadStates", permissions.STATE_READ, f"{arns.state_bucket}/{_ANY}"),
        statement(
            "LockStates",
            permissions.STATE_WRITE,
            [f"{arns.state_bucket}/{_ANY}.tflock", f"{arns.state_bucket}/{_ANY}/promotion.lock"],
        ),
    ]


def changing(arns: AccountArns, boundary_arn: str) -> list[Statement]:
    """What an apply needs besides: to make, change and destroy what is ours, and nothing of anybody else."""
    return [
        *_changing(arns, boundary_arn),
        statement("ChangeStates", permissions.STATE_WRITE, f"{arns.state_bucket}/{_ANY}"),
    ]


def previewing(arns: AccountArns, boundary_arn: str, environment: str) -> list[Statement]:
    """What the preview role changes: instances whose suffix begins with `pr-`, and their states.

    Args:
        arns: Of previews only.
        boundary_arn: The wall for functions' roles.
        environment: Where previews live.
    """
    keys = f"{arns.state_bucket}/{environment}"
    return [
        *_changing(arns, boundary_arn),
        statement("ReadChangeSetKey", permissions.STATE_READ, f"{arns.state_bucket}/change-set.key"),
        statement(
            "ChangePreviewStates",
            permissions.STATE_WRITE,
            [f"{keys}/{PREVIEWS}", f"{arns.state_bucket}/anchor/{environment}.{PREVIEWS}"],
        ),
    ]


def _changing(arns: AccountArns, boundary_arn: str) -> list[Statement]:
    return [
        statement("ChangeApis", permissions.CHANGE_API, arns.api),
        statement("ChangeAlarms", permissions.CHANGE_ALARMS, arns.alarms),
        statement("ChangeDashboards", permissions.CHANGE_DASHBOARD, arns.dashboards),
        statement("ChangeTables", permissions.CHANGE_TABLE, [arns.tables, f"{arns.tables}/index/{_ANY}"]),
        statement(
            "MakeRolesWithinTheBoundary",
            permissions.CREATE_ROLE,
            arns.function_roles,
            condition={"StringEquals": {"iam:PermissionsBoundary": boundary_arn}},
        ),
        statement("ChangeRoles", permissions.CHANGE_ROLE, arns.function_roles),
        statement(
            "GiveRolesToLambda",
            permissions.PASS_ROLE,
            arns.function_roles,
            condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
        statement("ChangeFunctions", permissions.CHANGE_FUNCTION, arns.functions),
        statement("ChangeLogGroups", permissions.CHANGE_LOG_GROUP, [*arns.log_groups, arns.execution_logs]),
        statement("ChangeBuckets", permissions.CHANGE_BUCKET, arns.buckets),
        statement("EmptyBuckets", permissions.EMPTY_BUCKET, [f"{bucket}/{_ANY}" for bucket in arns.buckets]),
        statement("ChangeSecrets", permissions.CHANGE_SECRET, arns.secrets),
        statement("ChangeTopics", permissions.CHANGE_TOPIC, arns.topics),
    ]


def function_wall(arns: AccountArns) -> list[Statement]:
    """The most that any function's role can ever do, whatever its own policies say."""
    objects = [f"{bucket}/{_ANY}" for bucket in arns.buckets]
    return [
        statement("Tables", (*permissions.TABLE_READ, *permissions.TABLE_WRITE), arns.tables),
        statement("Indexes", permissions.INDEX_QUERY, f"{arns.tables}/index/{_ANY}"),
        statement("Objects", (*permissions.OBJECT_READ, *permissions.OBJECT_WRITE), objects),
        statement("Secrets", permissions.SECRET_READ, arns.secrets),
        statement("Logs", permissions.LOG_WRITE, [f"{group}:log-stream:{_ANY}" for group in arns.log_groups]),
        # X-Ray knows no resources: AWS accepts nothing finer here.
        statement("Traces", permissions.TRACE_WRITE, "*"),
        _through("Keys", permissions.KEY_USE, arns, "dynamodb", "s3", "secretsmanager"),
    ]


def pipeline_wall(arns: AccountArns, boundary_arn: str, signing_keys: Sequence[str]) -> list[Statement]:
    """The most that the pipeline's roles can ever do: everything they may now, by service, on what is ours.

    Making a role keeps its condition, or the wall could be climbed by making one without a boundary.
    """
    everything = [*reading(arns), *changing(arns, boundary_arn)]
    conditional = [one for one in everything if "Condition" in one]
    plain = [one for one in everything if "Condition" not in one]
    plain.append(statement("Sign", permissions.SIGN, signing_keys))
    by_service: dict[str, tuple[set[str], set[str]]] = {}
    for one in plain:
        for action in one["Action"]:
            actions, resources = by_service.setdefault(action.partition(":")[0].title(), (set(), set()))
            actions.add(action)
            resources.update([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
    return [
        *(
            statement(service, sorted(actions), _widest(resources))
            for service, (actions, resources) in sorted(by_service.items())
        ),
        *conditional,
        _through("TableKeys", permissions.KEY_USE_FOR_TABLES, arns, "dynamodb"),
    ]


def _widest(resources: set[str]) -> list[str]:
    """Those that no other one stands for: a policy has only so much room."""
    return sorted(
        one
        for one in resources
        if not any(
            one != other and other.endswith(_ANY) and one.startswith(other.removesuffix(_ANY))
            for other in resources
        )
    )


def _through(sid: str, actions: Sequence[str], arns: AccountArns, *services: str) -> Statement:
    """The account's keys, but only by way of these services."""
    ways = [f"{service}.{arns.region}.amazonaws.com" for service in services]
    return statement(sid, actions, arns.all_keys, condition={"StringEquals": {"kms:ViaService": ways}})
