"""What an account has once, however many instances live in it."""

from dataclasses import dataclass

from infra import permissions
from infra.naming import FUNCTION_BOUNDARY, InstanceNames
from infra.pipeline_policies import (
    PREVIEWS,
    AccountArns,
    Statement,
    changing,
    function_wall,
    pipeline_wall,
    planning,
    previewing,
    reading,
)
from infra.policy_documents import policy, statement
from infra.providers import (
    ApiGatewayAccount,
    Construct,
    IamOpenidConnectProvider,
    IamPolicy,
    IamRole,
    IamRolePolicy,
    KmsAlias,
    KmsKey,
)

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
DELETION_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLoggingProps:
    """What a caller decides about API Gateway's logging.

    Attributes:
        names: Names and tags of what the account has once.
    """

    names: InstanceNames


class GatewayLogging(Construct):
    """The one role with which API Gateway writes the logs of every API of the account."""

    def __init__(self, scope: Construct, id_: str, props: GatewayLoggingProps) -> None:
        super().__init__(scope, id_)
        names = props.names
        assumed_by_gateway = statement(
            "AssumedByApiGateway", permissions.ASSUME_ROLE, principal={"Service": "apigateway.amazonaws.com"}
        )
        role = IamRole(
            self,
            "Role",
            name=names.of("api-gateway-logs"),
            assume_role_policy=policy(assumed_by_gateway),
            tags=names.tags,
        )
        # API Gateway names the groups itself, and tries these very actions when it is given the role.
        write_logs = statement("WriteLogs", permissions.GATEWAY_LOG_WRITE, "*")
        granted = IamRolePolicy(self, "WriteLogs", name="WriteLogs", role=role.id, policy=policy(write_logs))
        ApiGatewayAccount(self, "Resource", cloudwatch_role_arn=role.arn, depends_on=[granted])


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyProps:
    """What a caller decides about the signing key.

    Attributes:
        names: Names and tags of what the account has once.
        previews: Whether the role for previews may sign too.
            Default: false.
    """

    names: InstanceNames
    previews: bool = False


class SigningKey(Construct):
    """The key that signs evidence and ledger entries; its private half never leaves KMS.

    Attributes:
        key_arn: The key's ARN.
        alias_name: The name to sign by.
    """

    def __init__(self, scope: Construct, id_: str, props: SigningKeyProps) -> None:
        super().__init__(scope, id_)
        names = props.names
        key = KmsKey(
            self,
            "Resource",
            description="Signs evidence and ledger entries",
            key_usage="SIGN_VERIFY",
            customer_master_key_spec="ECC_NIST_P256",
            deletion_window_in_days=DELETION_DAYS,
            policy=self._policy(names, previews=props.previews),
            tags=names.tags,
        )
        self.key_arn: str = key.arn
        alias = KmsAlias(
            self, "Alias", name=f"alias/{names.of('tollgate-signing')}", target_key_id=key.key_id
        )
        self.alias_name: str = alias.name

    @staticmethod
    def _policy(names: InstanceNames, *, previews: bool) -> str:
        account = {"AWS": f"arn:aws:iam::{names.account_id}:root"}
        signers = [
            f"arn:aws:iam::{names.account_id}:role/{names.of(kind)}"
            for kind in ("tollgate-apply", *(("tollgate-preview",) if previews else ()))
        ]
        # In a key's own policy, "*" is that key.
        return policy(
            statement("LookedAfterByTheAccount", permissions.KEY_CARE, "*", principal=account),
            statement(
                "UsedByThePipeline",
                permissions.SIGN,
                "*",
                principal=account,
                condition={"ArnEquals": {"aws:PrincipalArn": signers}},
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRolesProps:
    """What a caller decides about the pipeline's roles.

    Attributes:
        names: Names and tags of what the account has once.
        region: Where the instances are.
        repository: The GitHub repository whose workflows may use them, `owner/name`.
        signing_key: What the apply role may sign with.
        branch: The branch whose workflows may plan.
            Default: "main".
        previews: Whether instances beside the main one may live here, changed by a role that can change no other.
            Default: false.
    """

    names: InstanceNames
    region: str
    repository: str
    signing_key: SigningKey
    branch: str = "main"
    previews: bool = False


class PipelineRoles(Construct):
    """GitHub's identity provider, a role that plans, a role that applies, and the walls around them.

    Attributes:
        plan_role_arn: The role that reads.
        apply_role_arn: The role that changes, only from a job in the GitHub environment of that name.
        function_boundary_arn: The wall that every function's role has to stand within.
    """

    def __init__(self, scope: Construct, id_: str, props: PipelineRolesProps) -> None:
        super().__init__(scope, id_)
        self._names = props.names
        arns = AccountArns(props.names.account_id, props.region)
        self.function_boundary_arn = self._build_wall(
            "FunctionBoundary", FUNCTION_BOUNDARY, function_wall(arns)
        )
        wall = pipeline_wall(arns, self.function_boundary_arn, props.signing_key.key_arn)
        self._boundary_arn = self._build_wall("PipelineBoundary", "tollgate-pipeline-boundary", wall)
        self._build_identity_provider()
        self.plan_role_arn = self._build_role(
            "Plan",
            "tollgate-plan",
            f"repo:{props.repository}:ref:refs/heads/{props.branch}",
            {"Plan": planning(arns)},
        )
        sign = statement("Sign", permissions.SIGN, props.signing_key.key_arn)
        self.apply_role_arn = self._build_role(
            "Apply",
            "tollgate-apply",
            f"repo:{props.repository}:environment:{props.names.environment}",
            {"Read": reading(arns), "Change": [*changing(arns, self.function_boundary_arn), sign]},
        )
        if props.previews:
            self._build_preview_role(props, sign)

    def _build_preview_role(self, props: PipelineRolesProps, sign: Statement) -> None:
        few = AccountArns(props.names.account_id, props.region, PREVIEWS)
        change = previewing(few, self.function_boundary_arn, props.names.environment)
        self._build_role(
            "Preview",
            "tollgate-preview",
            f"repo:{props.repository}:environment:preview",
            {"Read": reading(few), "Change": [*change, sign]},
        )

    def _build_identity_provider(self) -> None:
        provider = IamOpenidConnectProvider(
            self, "GitHub", url=f"https://{ISSUER}", client_id_list=[AUDIENCE], tags=self._names.tags
        )
        self._provider_arn: str = provider.arn

    def _build_wall(self, id_: str, kind: str, statements: list[Statement]) -> str:
        wall = IamPolicy(
            self, id_, name=self._names.of(kind), policy=policy(*statements), tags=self._names.tags
        )
        arn: str = wall.arn
        return arn

    def _build_role(self, id_: str, kind: str, subject: str, policies: dict[str, list[Statement]]) -> str:
        from_github = statement(
            "AssumedByGitHub",
            permissions.ASSUME_ROLE_BY_OIDC,
            principal={"Federated": self._provider_arn},
            condition={"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}},
        )
        role = IamRole(
            self,
            id_,
            name=self._names.of(kind),
            assume_role_policy=policy(from_github),
            permissions_boundary=self._boundary_arn,
            max_session_duration=3600,
            tags=self._names.tags,
        )
        for name, statements in policies.items():
            IamRolePolicy(self, f"{id_}{name}", name=name, role=role.id, policy=policy(*statements))
        arn: str = role.arn
        return arn
