"""What an account has once: the pipeline's identity and roles, the walls, logging, the signing key."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra import permissions
from tests.infra.synthesis import Stack, every, only, resources, statements

NAMES = ("dev", "staging", "prod")
# Actions for which AWS has no finer resource, and policies in which "*" means the key itself.
EVERYTHING = {"LookedAfterByTheAccount", "Traces", "UsedByThePipeline", "WriteLogs"}
MANAGED_POLICY_LIMIT = 6_144
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


@pytest.mark.parametrize("name", NAMES)
def test_only_our_workflows_may_use_the_roles(bootstraps: dict[str, Stack], name: str) -> None:
    """A plan is for our main branch, an apply for a job in the GitHub environment of that name."""
    subjects = {}
    for body in resources(bootstraps[name], "aws_iam_role").values():
        (statement,) = json.loads(body["assume_role_policy"])["Statement"]
        if "Federated" in statement["Principal"]:
            equals = statement["Condition"]["StringEquals"]
            assert equals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
            subjects[body["name"]] = equals["token.actions.githubusercontent.com:sub"]

    assert subjects == {
        f"tollgate-plan-{name}": "repo:${var.github_repository}:ref:refs/heads/main",
        f"tollgate-apply-{name}": f"repo:${{var.github_repository}}:environment:{name}",
        **(
            {"tollgate-preview-dev": "repo:${var.github_repository}:environment:preview"}
            if name == "dev"
            else {}
        ),
    }


def test_both_roles_stand_within_the_wall(bootstraps: dict[str, Stack]) -> None:
    """Neither role can do more than the wall lets through, whatever policy it is given later."""
    for stack in bootstraps.values():
        for body in resources(stack, "aws_iam_role").values():
            if body["name"].startswith("tollgate-"):
                assert "PipelineBoundary" in body["permissions_boundary"]


def test_wall_lets_through_what_the_roles_may_do(bootstraps: dict[str, Stack]) -> None:
    """Whatever a role may do, the wall lets through: one that blocks would be a fault."""
    stack = bootstraps["dev"]
    wall = json.loads(
        next(body for id_, body in resources(stack, "aws_iam_policy").items() if "PipelineBoundary" in id_)[
            "policy"
        ]
    )["Statement"]

    def listed(value: Any) -> set[str]:
        return {value} if isinstance(value, str) else set(value)

    for statement in (*of_role(stack, "Plan"), *of_role(stack, "Apply"), *of_role(stack, "Preview")):
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
    """The plan role reads, and writes nothing but the locks on the state."""
    reading = [
        statement for statement in of_role(bootstraps["dev"], "Plan") if statement["Sid"] != "LockStates"
    ]
    (lock,) = [
        statement for statement in of_role(bootstraps["dev"], "Plan") if statement["Sid"] == "LockStates"
    ]

    assert [each.rpartition("}")[2] for each in lock["Resource"]] == ["/*.tflock", "/*/promotion.lock"]
    for action in actions(reading):
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
        for role in ("Plan", "Apply", "Preview"):
            own = [
                resolved(body["policy"])
                for id_, body in resources(stack, "aws_iam_role_policy").items()
                if id_.startswith(f"PipelineRoles_{role}")
            ]
            assert sum(len(text) for text in own) <= ROLE_POLICIES_LIMIT


def test_signing_key_signs_and_does_nothing_else(bootstraps: dict[str, Stack]) -> None:
    """The key signs for the roles that apply; the account looks after it without using it."""
    for name, stack in bootstraps.items():
        key = only(stack, "aws_kms_key")
        assert key["key_usage"] == "SIGN_VERIFY"
        cared, used = json.loads(key["policy"])["Statement"]
        assert {"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"} <= set(cared["Action"])
        assert "kms:Sign" not in cared["Action"]
        principal = used["Condition"]["ArnEquals"]["aws:PrincipalArn"]
        also = ["arn:aws:iam::${var.account_id}:role/tollgate-preview-dev"] if name == "dev" else []
        assert principal == [f"arn:aws:iam::${{var.account_id}}:role/tollgate-apply-{name}", *also]


def test_gateway_may_log_once_for_the_account(bootstraps: dict[str, Stack]) -> None:
    """The account's one logging role is API Gateway's, and is set only when it may already log."""
    for stack in bootstraps.values():
        account = only(stack, "aws_api_gateway_account")
        assert "GatewayLogging_Role" in account["cloudwatch_role_arn"]
        assert "GatewayLogging_WriteLogs" in account["depends_on"][0]


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
