"""The real Terraform and the real AWS provider against an emulated account."""

import json
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.deploy.terraform_binary import clean_environment, cli_config, find_terraform
from pipeline.model.errors import TollgateError
from pipeline.targets.local import AccountSpec, CloudAccess, LocalCloud
from tests.pipeline.local_cloud_client import client

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

_ROOT = Path(__file__).resolve().parents[2]
_ACCOUNT = "111122223333"
_HANDLER = """
import os
import boto3

def handler(event, context):
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"pk": {"S": event["body"]}})
    return {"statusCode": 201, "body": event["body"]}
"""


class _Terraform:
    """Terraform in one folder, with its state in the account it works on."""

    def __init__(self, folder: Path, access: CloudAccess) -> None:
        self._folder = folder
        config = folder / "terraform.rc"
        config.write_text(cli_config("5.100.0", folder / "cache"))
        self._environment = access.environ(
            clean_environment([("TF_CLI_CONFIG_FILE", str(config)), ("TF_VAR_account_id", access.account_id)])
        )
        self._argv = find_terraform().argv

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Run one command; return how it ended and what it said."""
        ended = subprocess.run(
            [*self._argv, *arguments, "-no-color"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        return ended.returncode, ended.stdout


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A running cloud of one account that holds a bucket for states."""
    cloud = LocalCloud(tmp_path / "home", [AccountSpec("dev", _ACCOUNT, "ap-northeast-2")])
    cloud.up()
    access = cloud.access("dev")
    where = {"LocationConstraint": access.region}
    client(access, "s3").create_bucket(Bucket="states", CreateBucketConfiguration=where)
    yield cloud
    cloud.reset()


@pytest.fixture
def terraform(tmp_path: Path, cloud: LocalCloud) -> _Terraform:
    """Terraform, ready to work on the small stack."""
    try:
        find_terraform()
    except TollgateError as error:
        pytest.skip(error.message)
    folder = tmp_path / "stack"
    shutil.copytree(Path(__file__).parent / "local_cloud_stack", folder)
    shutil.copy(_ROOT / "environments" / "terraform.lock.hcl", folder / ".terraform.lock.hcl")
    with zipfile.ZipFile(folder / "lambda.zip", "w") as package:
        package.writestr("index.py", _HANDLER)
    terraform = _Terraform(folder, cloud.access("dev"))
    backend = {"bucket": "states", "key": "dev", "region": "ap-northeast-2", "use_lockfile": "true"}
    settings = [f"-backend-config={name}={value}" for name, value in backend.items()]
    code, said = terraform("init", "-input=false", "-lockfile=readonly", *settings)
    assert code == 0, said
    return terraform


def test_a_stack_is_applied_once_works_and_is_then_left_alone(
    cloud: LocalCloud, terraform: _Terraform
) -> None:
    """A second plan is empty, before and after a restart and a changed limit; a destroy leaves nothing."""
    code, said = terraform("apply", "-input=false", "-auto-approve")
    assert code == 0, said
    code, said = terraform("plan", "-input=false", "-detailed-exitcode")
    assert code == 0, said
    cloud.down()
    cloud.up()
    code, said = terraform("plan", "-input=false", "-detailed-exitcode")
    assert code == 0, said

    access = cloud.access("dev")
    outputs = json.loads(terraform("output", "-json")[1])
    key = client(access, "apigateway").get_api_key(apiKey=outputs["api_key_id"]["value"], includeValue=True)
    url = access.invoke_url(outputs["rest_api_id"]["value"], "v1") + "/items"
    request = urllib.request.Request(url, b"first", {"x-api-key": key["value"]})
    with urllib.request.urlopen(request, timeout=300) as answer:
        assert (answer.status, answer.read()) == (201, b"first")
    items = client(access, "dynamodb").scan(TableName="items")["Items"]
    assert items == [{"pk": {"S": "first"}}]

    faster = "-var=requests_per_second=200"
    code, said = terraform("apply", "-input=false", "-auto-approve", faster)
    assert code == 0, said
    assert "0 added, 1 changed, 0 destroyed" in said
    code, said = terraform("plan", "-input=false", "-detailed-exitcode", faster)
    assert code == 0, said

    code, said = terraform("destroy", "-input=false", "-auto-approve")
    assert code == 0, said
    assert client(access, "lambda").list_functions()["Functions"] == []
    assert client(access, "cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_state_in_use_is_locked_for_everybody_else(cloud: LocalCloud, terraform: _Terraform) -> None:
    """A lock file in the bucket keeps a second Terraform out, in Terraform's own words."""
    lock = {"ID": "held", "Operation": "OperationTypeApply", "Who": "somebody@elsewhere", "Version": "1.11.4"}
    states = client(cloud.access("dev"), "s3")
    states.put_object(Bucket="states", Key="dev.tflock", Body=json.dumps(lock).encode())
    code, said = terraform("plan", "-input=false")
    assert code == 1
    assert "Error acquiring the state lock" in said
    assert "somebody@elsewhere" in said
