"""The function that serves the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra import permissions
from infra.checks import one_of, within
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import (
    CloudwatchLogGroup,
    Construct,
    IamRole,
    IamRolePolicy,
    LambdaAlias,
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
    LambdaProvisionedConcurrencyConfig,
)

HANDLER = "payments.entrypoints.api.handler"
RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
ALIAS = "live"
# The package lies beside the stack when Terraform runs; its content is hashed there.
PACKAGE = "${path.module}/lambda.zip"
PACKAGE_HASH = '${filebase64sha256("${path.module}/lambda.zip")}'

MEMORY_MB = (128, 10_240)
# API Gateway gives up after 29 seconds: a function that takes longer answers nobody.
TIMEOUT_SECONDS = (1, 28)
CONCURRENCY = (1, 10_000)
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def check_log_retention(name: str, days: int) -> None:
    """Refuse a number of days that CloudWatch Logs does not offer."""
    one_of(name, days, LOG_RETENTION_DAYS, why="CloudWatch Logs offers no other")


def check_sizes(memory_mb: int, timeout_seconds: int) -> None:
    """Refuse a memory that Lambda does not offer, and a timeout after which nobody listens any more."""
    within("memory_mb", memory_mb, *MEMORY_MB, why="Lambda offers no other memory sizes")
    within("timeout_seconds", timeout_seconds, *TIMEOUT_SECONDS, why="API Gateway gives up after 29 seconds")


def check_concurrency(reserved: int | None, provisioned: int | None) -> None:
    """Refuse more instances kept warm than may run, and more of either than any account has."""
    why = "more than 10000 at once needs a quota nobody has"
    within("reserved_concurrency", reserved, *CONCURRENCY, why=why)
    most_warm = reserved or CONCURRENCY[1]
    within("provisioned_concurrency", provisioned, 1, most_warm, why="no more can be kept warm than may run")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFunctionProps:
    """What a caller decides about the function.

    Attributes:
        names: Names and tags of the instance.
        boundary_arn: The policy that the function's role has to stand within, whatever it is allowed.
            Default: none; then nothing but its own policies holds the role.
        environment: What the code finds in its environment; nothing secret.
            Default: nothing.
        memory_mb: Memory, and with it the share of a processor.
            Default: 1024.
        timeout_seconds: When an invocation is cut off; below API Gateway's 29 seconds.
            Default: 28.
        log_retention_days: How long the function's log is kept.
            Default: 30.
        tracing: Whether invocations are traced by X-Ray.
            Default: true; without it a slow call shows no cause.
        reserved_concurrency: Invocations kept free for this function, and its ceiling.
            Default: unset, the account's common pool.
        provisioned_concurrency: Instances kept warm.
            Default: unset, none.
    """

    names: InstanceNames
    boundary_arn: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 1024
    timeout_seconds: int = 28
    log_retention_days: int = 30
    tracing: bool = True
    reserved_concurrency: int | None = None
    provisioned_concurrency: int | None = None

    def __post_init__(self) -> None:
        """Refuse what Lambda would refuse later, or what API Gateway would cut off."""
        check_sizes(self.memory_mb, self.timeout_seconds)
        check_concurrency(self.reserved_concurrency, self.provisioned_concurrency)
        check_log_retention("log_retention_days", self.log_retention_days)


class ApiFunction(Construct):
    """A function with its own role and log group, published as versions behind one alias.

    Attributes:
        function_name: The function's name.
        alias_name: The alias callers use.
        alias_arn: The alias' ARN.
        alias_invoke_arn: What API Gateway calls.
        timeout_seconds: When an invocation is cut off.
        log_group_name: The name of the function's log group.
    """

    def __init__(self, scope: Construct, id_: str, props: ApiFunctionProps) -> None:
        super().__init__(scope, id_)
        self.timeout_seconds = props.timeout_seconds
        self._build_log_group(props)
        self._build_role(props)
        function = self._build_function(props)
        self.function_name: str = function.function_name
        self._build_alias(function, props)

    def allow(self, id_: str, *statements: Mapping[str, Any]) -> None:
        """Let the function do what the statements say."""
        IamRolePolicy(self, id_, name=id_, role=self._role_id, policy=policy(*statements))

    def _build_log_group(self, props: ApiFunctionProps) -> None:
        group = CloudwatchLogGroup(
            self,
            "LogGroup",
            name=f"/aws/lambda/{props.names.of('payments-api')}",
            retention_in_days=props.log_retention_days,
            tags=props.names.tags,
        )
        self.log_group_name: str = group.name
        self._log_group_arn: str = group.arn

    def _build_role(self, props: ApiFunctionProps) -> None:
        lambda_may_use_it = statement(
            "AssumedByLambda", permissions.ASSUME_ROLE, principal={"Service": "lambda.amazonaws.com"}
        )
        role = IamRole(
            self,
            "Role",
            name=props.names.of("payments-api-function"),
            assume_role_policy=policy(lambda_may_use_it),
            permissions_boundary=props.boundary_arn,
            tags=props.names.tags,
        )
        self._role_id: str = role.id
        self._role_arn: str = role.arn
        self.allow(
            "WriteLogs",
            statement("WriteLogs", permissions.LOG_WRITE, f"{self._log_group_arn}:log-stream:*"),
        )
        if props.tracing:
            # X-Ray knows no resources: AWS accepts nothing finer here.
            self.allow("WriteTraces", statement("WriteTraces", permissions.TRACE_WRITE, "*"))

    def _build_function(self, props: ApiFunctionProps) -> LambdaFunction:
        return LambdaFunction(
            self,
            "Resource",
            function_name=props.names.of("payments-api"),
            role=self._role_arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler=HANDLER,
            filename=PACKAGE,
            source_code_hash=PACKAGE_HASH,
            publish=True,
            memory_size=props.memory_mb,
            timeout=props.timeout_seconds,
            reserved_concurrent_executions=props.reserved_concurrency,
            environment=LambdaFunctionEnvironment(variables=dict(props.environment)),
            tracing_config=LambdaFunctionTracingConfig(mode="Active" if props.tracing else "PassThrough"),
            logging_config=LambdaFunctionLoggingConfig(log_format="JSON", log_group=self.log_group_name),
            tags=props.names.tags,
        )

    def _build_alias(self, function: LambdaFunction, props: ApiFunctionProps) -> None:
        alias = LambdaAlias(
            self,
            "Alias",
            name=ALIAS,
            description="The version that serves the API",
            function_name=self.function_name,
            function_version=function.version,
        )
        self.alias_name: str = alias.name
        self.alias_arn: str = alias.arn
        self.alias_invoke_arn: str = alias.invoke_arn
        if props.provisioned_concurrency is not None:
            LambdaProvisionedConcurrencyConfig(
                self,
                "WarmInstances",
                function_name=self.function_name,
                qualifier=self.alias_name,
                provisioned_concurrent_executions=props.provisioned_concurrency,
            )
