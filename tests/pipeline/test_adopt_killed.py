"""Terraform and the pipeline are killed in the middle of an apply: the next run takes over what was made, once each.

Real Terraform and the real provider against an emulated account: Terraform had no time to hand its state over.
"""

import json
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pipeline.tiny_project import REPOSITORY, TinyProject

pytestmark = [pytest.mark.terraform, pytest.mark.cloud]

_MADE_AT_ONCE = 8
"""All that is made before the kill; two of them by one name cannot exist, or would be two of one kind."""
_PROVIDER = {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}
_SYNTH = """
import json, pathlib, sys
from tests.pipeline.test_adopt_killed import stack
for environment in ("dev", "prod"):
    folder = pathlib.Path(sys.argv[1]) / "stacks" / f"tiny-{environment}"
    folder.mkdir(parents=True)
    url = (pathlib.Path(__file__).parent / "url.txt").read_text()
    (folder / "cdk.tf.json").write_text(json.dumps(stack(environment, url), sort_keys=True))
"""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ],
}


def stack(environment: str, url: str) -> dict[str, Any]:
    """Return a stack of fast types: eight resources at once, then a chain that gives time for the kill.

    A request to make a link of the chain may be repeated: its second answer is the first one.
    """
    name = "left-${var.environment_suffix}"
    api = "${aws_api_gateway_rest_api.it.id}"
    at_once: dict[str, dict[str, Any]] = {
        "aws_cloudwatch_log_group": {"it": {"name": f"/{name}"}},
        "aws_dynamodb_table": {
            "it": {
                "name": name,
                "billing_mode": "PAY_PER_REQUEST",
                "hash_key": "pk",
                "attribute": [{"name": "pk", "type": "S"}],
            }
        },
        "aws_iam_role": {"it": {"name": name, "assume_role_policy": json.dumps(_TRUST)}},
        "aws_s3_bucket": {"it": {"bucket": f"{name}-${{var.account_id}}"}},
        "aws_api_gateway_rest_api": {"it": {"name": name}},
        "aws_api_gateway_resource": {
            "it": {
                "rest_api_id": api,
                "parent_id": "${aws_api_gateway_rest_api.it.root_resource_id}",
                "path_part": "it",
            }
        },
        "aws_api_gateway_method": {
            "it": {
                "rest_api_id": api,
                "resource_id": "${aws_api_gateway_resource.it.id}",
                "http_method": "GET",
                "authorization": "AWS_IAM",
            }
        },
        "aws_api_gateway_request_validator": {"it": {"rest_api_id": api, "name": "it"}},
    }
    links = [f"link-{number}" for number in range(10)]
    before = {link: f"aws_sns_topic.{links[number - 1]}" for number, link in enumerate(links) if number}
    first = [f"{kind}.it" for kind in at_once]
    chain = {
        link: {"name": f"{name}-{link}", "depends_on": [before[link]] if link in before else first}
        for link in links
    }
    return {
        "terraform": {
            "backend": {"s3": {}},
            "required_providers": _PROVIDER,
        },
        "provider": {"aws": [{"region": "ap-northeast-2", "allowed_account_ids": ["${var.account_id}"]}]},
        "variable": {
            "environment_suffix": {"type": "string", "default": environment},
            "account_id": {"type": "string"},
            "release": {"type": "string"},
        },
        "resource": at_once | {"aws_sns_topic": chain},
        "output": {"url": {"value": url}},
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyProject]:
    """A tiny project whose stack needs the AWS provider."""
    project = TinyProject.make(tmp_path_factory.mktemp("adopt"))
    project.write("synth.py", f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n" + _SYNTH)
    bootstrap = (project.root / "bootstrap.py").read_text()
    project.write(
        "bootstrap.py", bootstrap.replace('"backend"', f'"required_providers": {_PROVIDER}, "backend"')
    )
    lock = (REPOSITORY / "environments" / "terraform.lock.hcl").read_text()
    project.write("terraform.lock.hcl", lock)
    yield project
    project.close()


def test_what_a_killed_apply_made_is_taken_over(project: TinyProject) -> None:
    """Nothing is made twice, the state knows all of it, a second plan is empty, and no log or lock is left."""
    killed = project.tollgate(
        "promote",
        "--to",
        "dev",
        TOLLGATE_KILL_AT=f"half-applied:{_MADE_AT_ONCE}",
        TOLLGATE_KILL_ALL="1",
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # Terraform hands its state over every 20 s: on a slow machine it may have come to that before it was killed.
    account = project.account("dev")
    bucket = f"tollgate-state-{account.account_id}"
    account.client("s3").delete_object(Bucket=bucket, Key="dev/dev/terraform.tfstate")
    again = project.tollgate("promote", "--to", "dev", TOLLGATE_KILL_AT="adopting", TOLLGATE_KILL_ALL="1")
    assert again.returncode == -signal.SIGKILL, again.stderr

    # Another machine has no log of ours: it goes by what is noted beside the state.
    shutil.rmtree(project.home / "applies")
    finished = project.tollgate("promote", "--to", "dev")

    assert finished.returncode == 0, finished.stderr
    assert "took over what an interrupted run had made: " in finished.stderr
    assert "finishing the run that was interrupted" in finished.stderr
    assert project.status()["dev"]["state"] == "deployed"
    assert _there(project) == {
        "log groups": 1,
        "tables": 1,
        "roles": 1,
        "buckets": 1,
        "APIs": 1,
        "paths": 2,
        "validators": 1,
        "topics": 10,
    }
    state = project.state("dev")
    assert state is not None
    assert sum(len(resource["instances"]) for resource in state["resources"]) == _MADE_AT_ONCE + 10
    assert list((project.home / "applies").rglob("*.jsonl")) == []


def _there(project: TinyProject) -> dict[str, int]:
    """Count what the account holds of the stack."""
    client = project.account("dev").client
    gateway = client("apigateway")
    apis = [api["id"] for api in gateway.get_rest_apis()["items"] if api["name"] == "left-dev"]
    return {
        "log groups": len(client("logs").describe_log_groups(logGroupNamePrefix="/left")["logGroups"]),
        "tables": client("dynamodb").list_tables()["TableNames"].count("left-dev"),
        "roles": [role["RoleName"] for role in client("iam").list_roles()["Roles"]].count("left-dev"),
        "buckets": len(
            [b for b in client("s3").list_buckets()["Buckets"] if b["Name"].startswith("left-dev")]
        ),
        "APIs": len(apis),
        "paths": sum(len(gateway.get_resources(restApiId=api)["items"]) for api in apis),
        "validators": sum(len(gateway.get_request_validators(restApiId=api)["items"]) for api in apis),
        "topics": len([t for t in client("sns").list_topics()["Topics"] if ":left-dev-" in t["TopicArn"]]),
    }


def test_what_no_log_tells_of_is_named_and_nothing_is_taken(project: TinyProject) -> None:
    """On another machine the log is missing: the run ends FAILED, names what is in the way and the one next step."""
    client = project.account("dev").client("logs")
    client.create_log_group(logGroupName="/left-pr-1")
    result = project.tollgate("promote", "--to", "dev", "--suffix", "pr-1")

    assert result.returncode == 1
    said = " ".join(result.stderr.split())
    assert "aws_cloudwatch_log_group.it exists already, and the state does not know it" in said
    assert "see that nobody else needs it and delete it" in said
    assert "nox -s promote -- --to dev --suffix pr-1" in said
    ends = [entry.body for entry in project.entries() if entry.kind.value == "end"]
    assert (ends[-1]["suffix"], ends[-1]["outcome"]) == ("pr-1", "FAILED")
    assert len(client.describe_log_groups(logGroupNamePrefix="/left-pr-1")["logGroups"]) == 1
