"""Who may use the account from GitHub, and within which walls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra import permissions
from infra.constructs.signing import SigningKey
from infra.github_trust import AUDIENCE, ISSUER, Repository, trusting
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
from infra.providers import Construct, IamOpenidConnectProvider, IamPolicy, IamRole, IamRolePolicy

PLAN = "tollgate-plan"
APPLY = "tollgate-apply"
PREVIEW = "tollgate-preview"
SIGN = "tollgate-sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRolesProps:
    """What a caller decides about the pipeline's roles.

    Attributes:
        names: Names and tags of what the account has once.
        region: Where the instances are.
        repository: The GitHub repository whose workflows may use them.
        signing_keys: The account's keys; each role may sign by those that name it.
        comes_first: Whether releases come here first: what was built is signed here, and instances beside the
            main one may live here, changed by a role that can change no other.
            Default: false.
    """

    names: InstanceNames
    region: str
    repository: Repository
    signing_keys: Sequence[SigningKey]
    comes_first: bool = False


class PipelineRoles(Construct):
    """GitHub's identity provider, a role that plans, a role that applies, and the walls around them.

    Attributes:
        plan_role_arn: The role that reads.
        apply_role_arn: The role that changes, only from a job in the GitHub environment of that name.
        function_boundary_arn: The wall that every function's role has to stand within.
    """

    def __init__(self, scope: Construct, id_: str, props: PipelineRolesProps) -> None:
        super().__init__(scope, id_)
        self._names, self._region = props.names, props.region
        self._repository = props.repository
        self._keys = tuple(props.signing_keys)
        arns = AccountArns(props.names.account_id, props.region)
        self.function_boundary_arn = self._build_wall(
            "FunctionBoundary", FUNCTION_BOUNDARY, function_wall(arns)
        )
        wall = pipeline_wall(arns, self.function_boundary_arn, [key.key_arn for key in self._keys])
        self._boundary_arn = self._build_wall("PipelineBoundary", "tollgate-pipeline-boundary", wall)
        self._build_identity_provider()
        plan = [*planning(arns), self._signing(PLAN)]
        self.plan_role_arn = self._build_role("Plan", PLAN, None, {"Plan": plan})
        change = [*changing(arns, self.function_boundary_arn), self._signing(APPLY)]
        policies = {"Read": reading(arns), "Change": change}
        self.apply_role_arn = self._build_role("Apply", APPLY, props.names.environment, policies)
        if props.comes_first:
            self._build_preview_role()
            self._build_role("Sign", SIGN, "signing", {"Sign": [self._signing(SIGN)]})

    def _build_preview_role(self) -> None:
        few = AccountArns(self._names.account_id, self._region, PREVIEWS)
        change = [
            *previewing(few, self.function_boundary_arn, self._names.environment),
            self._signing(PREVIEW),
        ]
        self._build_role("Preview", PREVIEW, "preview", {"Read": reading(few), "Change": change})

    def _signing(self, kind: str) -> Statement:
        """What a role may sign by: the keys that name it."""
        keys = [key.key_arn for key in self._keys if kind in key.signers]
        return statement("Sign", permissions.SIGN, keys)

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

    def _build_role(
        self, id_: str, kind: str, github_environment: str | None, policies: Mapping[str, list[Statement]]
    ) -> str:
        role = IamRole(
            self,
            id_,
            name=self._names.of(kind),
            assume_role_policy=policy(trusting(self._provider_arn, self._repository, github_environment)),
            permissions_boundary=self._boundary_arn,
            max_session_duration=3600,
            tags=self._names.tags,
        )
        for name, statements in policies.items():
            IamRolePolicy(self, f"{id_}{name}", name=name, role=role.id, policy=policy(*statements))
        arn: str = role.arn
        return arn
