"""What no promotion shows: an account given up again, and what Terraform itself refuses.

What a promotion deploys is read back in tests/e2e/test_infrastructure.py.
"""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.environments import DEV
from pipeline.deploy.terraform_binary import clean_environment, cli_config, find_terraform
from pipeline.model.errors import TollgateError
from pipeline.targets.local import AccountSpec, CloudAccess, LocalCloud
from tests.infra.synthesis import Stack, every
from tests.pipeline.local_cloud_client import client

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"
CONFIG = DEV
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
                    ("TF_VAR_github_repository_id", "1234567"),
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
    cloud = LocalCloud(tmp_path_factory.mktemp("home"), [AccountSpec("dev", ACCOUNT, CONFIG.region)])
    cloud.up()
    yield cloud.access("dev")
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


def test_account_is_bootstrapped_and_given_up(
    access: CloudAccess, bootstraps: dict[str, Stack], tmp_path: Path
) -> None:
    """What an account has once is made, does not drift, signs, and can be given up again."""
    terraform = prepare(tmp_path / "stack", bootstraps["dev"], access)
    terraform.apply()
    outputs = terraform.outputs()
    signed = client(access, "kms").sign(
        KeyId=outputs["signing_key_alias"], Message=b"evidence", SigningAlgorithm="ECDSA_SHA_256"
    )

    assert signed["Signature"]
    assert int(outputs["concurrency_target"]) == CONFIG.concurrency_target
    made = {kind for kind, _ in every(bootstraps["dev"])}
    assert made >= {"aws_api_gateway_account", "aws_iam_openid_connect_provider", "aws_kms_key"}
    assert "cloudwatchRoleArn" in client(access, "apigateway").get_account()
    terraform.destroy()
    assert "cloudwatchRoleArn" not in client(access, "apigateway").get_account()
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

    assert (
        "environment_suffix must be at most 16 lower-case letters, digits and single hyphens, "
        "and not end with s3alias." in said
    )
    assert "account_id must be 12 digits." in said
    assert "release must be sha256: and 64 hexadecimal digits." in said
