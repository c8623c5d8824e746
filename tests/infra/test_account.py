"""What an account has once: the pipeline's identity and roles, the walls, logging."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra import permissions
from tests.infra.synthesis import Stack, every, only, resources, statements

ISSUER = "token.actions.githubusercontent.com"
NAMES = ("dev", "staging", "prod")
ROLES = ("Plan", "Apply", "Preview", "Sign")
# Actions for which AWS has no finer resource, and policies in which "*" means the key itself.
EVERYTHING = {"LookedAfterByTheAccount", "Traces", "UsedByThePipeline", "WriteLogs"}
MANAGED_POLICY_LIMIT = 6_144
TRUST_POLICY_LIMIT = 2_048
ROLE_POLICIES_LIMIT = 10_240
# What a reference becomes, at its longest: the ARN of a key or of a policy.
LONGEST_ARN = "arn:aws:kms:ap-northeast-2:111111111111:key/00000000-0000-0000-0000-000000000000"


def resolved(policy: str) -> str:
    """The policy at the length that AWS will count."""
    text = policy.replace("${var.account_id}", "1" * 12)
    while "${" in text:
        before, _, rest = text.partition("${")
        text = before + LONGEST_ARN + rest.partition("}")[2]
    return text


def of_role(stack: Stack, name: str) -> list[Mapping[str, Any]]:
    """Every statement of a role's own policies."""
    return [
        statement
        for id_, body in resources(stack, "aws_iam_role_policy").items()
        if id_.startswith(f"PipelineRoles_{name}")
        for statement in json.loads(body["policy"])["Statement"]
    ]


def actions(wanted: list[Mapping[str, Any]]) -> set[str]:
    return {action for statement in wanted for action in statement["Action"]}


def trusts(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """Under which conditions GitHub's identity provider may vouch for each role."""
    found = {}
    for body in resources(stack, "aws_iam_role").values():
        (statement,) = json.loads(body["assume_role_policy"])["Statement"]
        if "Federated" in statement["Principal"]:
            found[body["name"]] = statement["Condition"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_only_our_workflows_may_use_the_roles(bootstraps: dict[str, Stack], name: str) -> None:
    """A plan is for our main branch; each other role for a job in its GitHub environment, in both spellings."""
    wheres = {
        f"tollgate-plan-{name}": "ref:refs/heads/main",
        f"tollgate-apply-{name}": f"environment:{name}",
    }
    if name == "dev":
        wheres |= {"tollgate-preview-dev": "environment:preview", "tollgate-sign-dev": "environment:signing"}
    names = ("${var.github_repository}", "${local.github_numbered_name}")

    assert {
        role: trust["StringLike"][f"{ISSUER}:sub"] for role, trust in trusts(bootstraps[name]).items()
    } == {role: [f"repo:{each}:{where}" for each in names] for role, where in wheres.items()}


@pytest.mark.parametrize("name", NAMES)
def test_roles_are_for_workflows_of_main_in_the_repository_of_that_number(
    bootstraps: dict[str, Stack], name: str
) -> None:
    """Whoever takes over the repository's name, and a workflow that is not main's, is not let in."""
    for role, trust in trusts(bootstraps[name]).items():
        exactly = {claim.removeprefix(f"{ISSUER}:"): value for claim, value in trust["StringEquals"].items()}
        where = trust["StringLike"][f"{ISSUER}:sub"][0].rpartition("}:")[2]
        assert exactly.pop("environment", None) == (None if "-plan-" in role else where.partition(":")[2])
        assert exactly == {
            "aud": "sts.amazonaws.com",
            "ref": "refs/heads/main",
            "repository_id": "${var.github_repository_id}",
        }
        assert trust["StringLike"][f"{ISSUER}:job_workflow_ref"] == (
            "${var.github_repository}/.github/workflows/*@refs/heads/main"
        )


def test_newer_spelling_of_a_subject_holds_the_numbers(bootstraps: dict[str, Stack]) -> None:
    """GitHub names newer repositories with the numbers of owner and repository: `owner@1/name@2`."""
    for stack in bootstraps.values():
        assert stack["locals"] == {
            "github_numbered_name": '${replace(var.github_repository, "/", "@*/")}@${var.github_repository_id}'
        }


def test_roles_stand_within_the_wall(bootstraps: dict[str, Stack]) -> None:
    """No role can do more than the wall lets through, whatever policy it is given later."""
    for stack in bootstraps.values():
        for body in resources(stack, "aws_iam_role").values():
            if body["name"].startswith("tollgate-"):
                assert "PipelineBoundary" in body["permissions_boundary"]


@pytest.mark.parametrize("name", NAMES)
def test_wall_lets_through_what_the_roles_may_do(bootstraps: dict[str, Stack], name: str) -> None:
    """Whatever a role may do, the wall lets through: one that blocks would be a fault."""
    stack = bootstraps[name]
    wall = json.loads(
        next(body for id_, body in resources(stack, "aws_iam_policy").items() if "PipelineBoundary" in id_)[
            "policy"
        ]
    )["Statement"]

    def listed(value: Any) -> set[str]:
        return {value} if isinstance(value, str) else set(value)

    for statement in (each for role in ROLES for each in of_role(stack, role)):
        for action in statement["Action"]:
            for resource in listed(statement["Resource"]):
                assert any(
                    action in one["Action"]
                    and any(covers(pattern, resource) for pattern in listed(one["Resource"]))
                    and one.get("Condition") in (None, statement.get("Condition"))
                    for one in wall
                ), (action, resource)


def covers(pattern: str, resource: str) -> bool:
    """Whether the pattern stands for all that the resource does; both end in a star or in nothing."""
    return pattern == resource or (pattern.endswith("*") and resource.startswith(pattern[:-1]))


def test_walls_leave_the_keys_that_aws_manages_usable(bootstraps: dict[str, Stack]) -> None:
    """Keys are used by way of the services that hold our data; a wall that forgot them would block the data."""
    ways = {
        statement["Sid"]: statement["Condition"]["StringEquals"]["kms:ViaService"]
        for body in resources(bootstraps["prod"], "aws_iam_policy").values()
        for statement in json.loads(body["policy"])["Statement"]
        if "kms:GenerateDataKey" in statement["Action"]
    }

    assert ways == {
        "Keys": [
            f"{service}.ap-northeast-2.amazonaws.com" for service in ("dynamodb", "s3", "secretsmanager")
        ],
        "TableKeys": ["dynamodb.ap-northeast-2.amazonaws.com"],
    }


def test_plan_changes_nothing(bootstraps: dict[str, Stack]) -> None:
    """The plan role reads, writes nothing but the locks on the state, and signs what it has found."""
    allowed = {statement["Sid"]: statement for statement in of_role(bootstraps["dev"], "Plan")}
    lock, sign = allowed.pop("LockStates"), allowed.pop("Sign")

    assert sign["Action"] == ["kms:GetPublicKey", "kms:Sign"]
    assert [each.rpartition("}")[2] for each in lock["Resource"]] == ["/*.tflock", "/*/promotion.lock"]
    for action in actions(list(allowed.values())):
        assert action.partition(":")[2].startswith(("Describe", "GET", "Get", "List")), action


def test_previews_are_all_that_the_preview_role_changes(bootstraps: dict[str, Stack]) -> None:
    """What it may change ends with the suffix of a preview, but for API Gateway, which knows no names."""
    numbered = {"ChangeApis"}
    changes = [
        statement
        for statement in of_role(bootstraps["dev"], "Preview")
        if any(not _only_looks(action) for action in statement["Action"]) and statement["Sid"] not in numbered
    ]

    assert len(changes) > 10
    for statement in changes:
        named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if statement["Sid"] != "Sign":
            assert all("pr-*" in each for each in named), statement["Sid"]
    assert not of_role(bootstraps["prod"], "Preview")


def _only_looks(action: str) -> bool:
    return action.partition(":")[2].startswith(("Describe", "GET", "Get", "List"))


def test_nobody_reads_the_credential(bootstraps: dict[str, Stack]) -> None:
    """Neither role reads the value of a secret or an item of a table; only the function does."""
    granted = actions([*of_role(bootstraps["dev"], "Plan"), *of_role(bootstraps["dev"], "Apply")])

    assert not granted & {*permissions.SECRET_READ, *permissions.TABLE_READ, *permissions.INDEX_QUERY}


def test_role_is_made_only_within_the_function_s_wall(bootstraps: dict[str, Stack]) -> None:
    """Who may make roles could make one that may do everything; not with the boundary as a condition."""
    for statement in of_role(bootstraps["dev"], "Apply"):
        if set(statement["Action"]) & set(permissions.CREATE_ROLE):
            assert "FunctionBoundary" in statement["Condition"]["StringEquals"]["iam:PermissionsBoundary"]
        if set(statement["Action"]) & set(permissions.PASS_ROLE):
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def test_roles_cannot_touch_their_own_walls(bootstraps: dict[str, Stack]) -> None:
    """No role may change a policy, a boundary, an identity provider or itself."""
    for statement in of_role(bootstraps["dev"], "Apply"):
        if any(action.startswith("iam:") for action in statement["Action"]):
            assert statement["Resource"].endswith(":role/payments-api-function-*")


def test_nothing_is_allowed_on_everything_without_need(bootstraps: dict[str, Stack]) -> None:
    """Actions are named, and so are resources wherever AWS has one finer than all."""
    for stack in bootstraps.values():
        for _, statement in statements(stack):
            named = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in named if "*" in action]
            if statement.get("Resource") == "*":
                assert statement["Sid"] in EVERYTHING


def test_policies_are_short_enough(bootstraps: dict[str, Stack]) -> None:
    """Policies stay within what IAM takes once Terraform has filled them in."""
    for stack in bootstraps.values():
        for body in resources(stack, "aws_iam_policy").values():
            assert len(resolved(body["policy"])) <= MANAGED_POLICY_LIMIT
        for body in resources(stack, "aws_iam_role").values():
            assert len(resolved(body["assume_role_policy"])) <= TRUST_POLICY_LIMIT
        for role in ROLES:
            own = [
                resolved(body["policy"])
                for id_, body in resources(stack, "aws_iam_role_policy").items()
                if id_.startswith(f"PipelineRoles_{role}")
            ]
            assert sum(len(text) for text in own) <= ROLE_POLICIES_LIMIT


def test_gateway_may_log_once_for_the_account(bootstraps: dict[str, Stack]) -> None:
    """The account's one logging role is API Gateway's, and is set only when it may already log."""
    for stack in bootstraps.values():
        account = only(stack, "aws_api_gateway_account")
        assert "GatewayLogging_Role" in account["cloudwatch_role_arn"]
        assert "GatewayLogging_WriteLogs" in account["depends_on"][0]
        assert account["reset_on_delete"] is True


def test_everything_is_named_tagged_and_can_go(bootstraps: dict[str, Stack]) -> None:
    """Whatever can carry tags carries them, and nothing is kept when the account is given up."""
    untaggable = {"aws_api_gateway_account", "aws_iam_role_policy", "aws_kms_alias"}
    for name, stack in bootstraps.items():
        for kind, body in every(stack):
            assert ("tags" in body) == (kind not in untaggable), kind
            if "name" in body and kind != "aws_iam_role_policy":
                assert body["name"].endswith(f"-{name}")
        assert "prevent_destroy" not in json.dumps(stack)


def test_quota_that_prod_needs_is_told(bootstraps: dict[str, Stack]) -> None:
    """How many invocations at once an environment needs is an output, for the bootstrap to check."""
    targets = [int(bootstraps[name]["output"]["concurrency_target"]["value"]) for name in NAMES]

    assert targets == sorted(targets)
    assert targets[-1] == 1000
