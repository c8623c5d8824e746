"""What the roles that GitHub's jobs assume are good for: whole verbs of Tollgate, and nothing beside them.

They trust nobody but GitHub, who does not come here: for these tests the account may assume them too. All the rest is
as it will be: their policies and their boundary, and an account that enforces both.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from botocore.exceptions import ClientError

from pipeline.model.environment import Instance
from pipeline.targets.account import Account
from tests.e2e.conftest import REPOSITORY, World

# Before the end of the story, which destroys everything.
pytestmark = [pytest.mark.cloud, pytest.mark.last]

_DEADLINE_SECONDS = 900
_ANSWER_SECONDS = 30
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
_TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


@dataclasses.dataclass(frozen=True)
class Assumed:
    """Somebody who has assumed a role of dev's account.

    Attributes:
        world: The machine.
        account: The account, entered by the role.
    """

    world: World
    account: Account

    def tollgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb as the role."""
        session = {"environment": "dev", "variables": dict(self.account.environment)}
        return subprocess.run(
            [sys.executable, "-m", "tests.e2e.as_role", *arguments],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "ROLE_SESSION": json.dumps(session),
                "TOLLGATE_HOME": str(self.world.home),
                "TOLLGATE_PROJECT": str(self.world.project),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )

    def succeed(self, *arguments: str) -> None:
        """Run one verb that the role's policies have to be enough for."""
        result = self.tollgate(*arguments)
        assert result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}"


Assume = Callable[[str], Assumed]


@pytest.fixture(scope="module")
def assume(world: World, promoted: subprocess.CompletedProcess[str]) -> Iterator[Assume]:
    """The way into a role of dev's account, by its name; closed again in the end."""
    own = world.account("dev")
    iam = own.client("iam")
    trusts: dict[str, Mapping[str, object]] = {}

    def enter(kind: str) -> Assumed:
        name = f"tollgate-{kind}-dev"
        role = iam.get_role(RoleName=name)["Role"]
        trust = trusts.setdefault(name, role["AssumeRolePolicyDocument"])
        root = {"AWS": f"arn:aws:iam::{own.account_id}:root"}
        also = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}
        document = json.dumps({**trust, "Statement": [also]})
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        given = own.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        variables = {
            **own.environment,
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return Assumed(world, dataclasses.replace(own, environment=variables))

    yield enter
    for name, trust in trusts.items():
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


def test_the_roles_that_change_are_enough(world: World, assume: Assume) -> None:
    """Each makes an instance, sees it answer, finds that nothing has drifted, and destroys it: both at once."""

    def live(role: Assumed, suffix: str) -> None:
        instance = ("dev", "--suffix", suffix)
        role.succeed("promote", "--allow-dirty", "--to", *instance)
        health = httpx.get(f"{world.endpoint(*instance)['url']}/health", timeout=_ANSWER_SECONDS)
        assert health.status_code == 200
        role.succeed("drift", *instance)
        role.succeed("destroy", *instance)

    with ThreadPoolExecutor() as at_once:
        lives = [
            at_once.submit(live, assume("apply"), "extra"),
            at_once.submit(live, assume("preview"), "pr-7"),
        ]
    for one in lives:
        one.result()

    assert not {"dev/extra", "dev/pr-7"} & set(world.status())
    tables = world.account("dev").client("dynamodb").list_tables()["TableNames"]
    assert not {"transactions-extra", "transactions-pr-7"} & set(tables)


def test_the_role_that_plans_reads_all_and_changes_nothing(world: World, assume: Assume) -> None:
    """Its plan is whole; what would have to be written is denied, and the instance stays as it was."""
    before = world.outputs(Instance("dev", "dev"))
    role = assume("plan")
    role.succeed("plan", "dev")
    result = role.tollgate("promote", "--allow-dirty", "--to", "dev", "--suffix", "pr-8")

    assert result.returncode != 0
    assert "AccessDenied" in result.stderr
    assert "Traceback" not in result.stderr
    assert "transactions-pr-8" not in world.account("dev").client("dynamodb").list_tables()["TableNames"]
    assert world.outputs(Instance("dev", "dev")) == before


@pytest.mark.parametrize("kind", ["apply", "plan", "preview"])
def test_no_role_does_what_is_not_its_work(world: World, assume: Assume, kind: str) -> None:
    """None reads payments or secrets, pays, or makes its walls wider; only the one that applies touches dev."""
    role = assume(kind)
    harm = _harm_to_anybody(world) | (_harm_to_dev(world) if kind != "apply" else {})
    assert [what for what, call in harm.items() if not _is_denied(role.account, *call)] == []


Call = tuple[str, str, Mapping[str, object]]


def _is_denied(account: Account, service: str, call: str, arguments: Mapping[str, object]) -> bool:
    try:
        getattr(account.client(service), call)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in _DENIED
    return False


def _harm_to_anybody(world: World) -> dict[str, Call]:
    """Calls, by what they would do, that are no part of any promotion."""
    outputs, account = world.outputs(Instance("dev", "dev")), world.account("dev")
    key, receipt = {"pk": {"S": "any"}}, {"Bucket": outputs["receipts_bucket_name"], "Key": "any"}
    free = {"RoleName": "payments-api-function-free", "AssumeRolePolicyDocument": _TRUST}
    wider = {"RoleName": "tollgate-apply-dev", "PolicyName": "more", "PolicyDocument": _POLICY}
    elsewhere = {"LocationConstraint": account.region}
    state = {"Bucket": f"tollgate-state-{account.account_id}"}
    return {
        "reads a payment": (
            "dynamodb",
            "get_item",
            {"TableName": outputs["transactions_table_name"], "Key": key},
        ),
        "reads a receipt": ("s3", "get_object", receipt),
        "reads the credential": ("secretsmanager", "get_secret_value", {"SecretId": "payment-provider-dev"}),
        "pays": ("lambda", "invoke", {"FunctionName": outputs["function_name"]}),
        "makes a role without its wall": ("iam", "create_role", free),
        "takes a wall down": (
            "iam",
            "delete_role_permissions_boundary",
            {"RoleName": "payments-api-function-dev"},
        ),
        "allows itself more": ("iam", "put_role_policy", wider),
        "lets somebody else in": (
            "iam",
            "update_assume_role_policy",
            {"RoleName": "tollgate-apply-dev", "PolicyDocument": _TRUST},
        ),
        "makes a bucket of its own": (
            "s3",
            "create_bucket",
            {"Bucket": f"elsewhere-{account.account_id}-dev", "CreateBucketConfiguration": elsewhere},
        ),
        "stops the versions of states": (
            "s3",
            "put_bucket_versioning",
            {**state, "VersioningConfiguration": {"Status": "Suspended"}},
        ),
    }


def _harm_to_dev(world: World) -> dict[str, Call]:
    """Calls that a promotion to dev may make, and nobody else."""
    outputs, account = world.outputs(Instance("dev", "dev")), world.account("dev")
    state = {"Bucket": f"tollgate-state-{account.account_id}", "Key": "dev/dev/terraform.tfstate"}
    function = {"FunctionName": outputs["function_name"], "MemorySize": 128}
    return {
        "changes the function": ("lambda", "update_function_configuration", function),
        "deletes the table": ("dynamodb", "delete_table", {"TableName": outputs["transactions_table_name"]}),
        "forgets the state": ("s3", "delete_object", state),
        "writes the state": ("s3", "put_object", {**state, "Body": b"{}"}),
    }
