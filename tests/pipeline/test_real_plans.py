"""Change sets of plans that a real Terraform makes now: what it writes today is what the reader knows."""

import copy
import functools
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.deploy.plan_json import read_plan
from pipeline.deploy.terraform_binary import cli_config, find_terraform
from pipeline.model.change_set import Action, ChangeSet, is_remainder_of
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.safety import Kind, findings, needs_person
from pipeline.model.values import Unknown

pytestmark = pytest.mark.terraform

_ROOT = Path(__file__).resolve().parents[2]
_CANARY = "canary-5f2e9c"
_SECONDS = 300

_STACK: dict[str, Any] = {
    "variable": {"pin": {"sensitive": True, "default": _CANARY}, "release": {"default": "one"}},
    "resource": {
        "terraform_data": {
            "bucket": {"input": {"name": "log", "days": 30}},
            "policy": {"input": "allow ${terraform_data.bucket.id}"},
            "secret": {"input": {"pin": "${var.pin}"}},
            "code": {"triggers_replace": ["${var.release}"]},
        }
    },
    "output": {
        "bucket": {"value": "${terraform_data.bucket.id}"},
        "pin": {"value": "${var.pin}", "sensitive": True},
    },
}


class Workdir:
    """A folder with a stack of built-in resources, and Terraform to plan it with: no provider, no cloud."""

    def __init__(self, folder: Path, argv: tuple[str, ...]) -> None:
        self.folder = folder
        self._argv = argv

    def run(self, *arguments: str, **variables: str) -> str:
        """Run one Terraform command and return what it prints."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        config = self.folder / "terraform.rc"
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [*self._argv, *arguments],
            cwd=self.folder,
            env={**kept, "TF_CLI_CONFIG_FILE": str(config), "PYTHONPATH": path, **variables},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, stack: Mapping[str, Any]) -> None:
        """Put a stack into the folder and initialise it."""
        (self.folder / "cdk.tf.json").write_text(json.dumps(stack), encoding="utf-8")
        self.run("init", "-input=false", "-no-color")

    def plan(self, *arguments: str, **variables: str) -> dict[str, Any]:
        """Make a plan and return its JSON."""
        self.run("plan", "-input=false", "-out=plan", *arguments, **variables)
        document: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return document

    def change_set(self, *arguments: str, **variables: str) -> ChangeSet:
        """Make a plan and read it."""
        return _read(self.plan(*arguments, **variables))


def _read(
    plan: Mapping[str, Any], environment: str = "dev", stack: Mapping[str, Any] | None = None
) -> ChangeSet:
    return read_plan(
        plan,
        release="sha256:" + "a" * 64,
        environment=environment,
        suffix=environment,
        account_id="111111111111",
        region="ap-northeast-2",
        secret_key=b"a key kept beside the state",
        stack=stack,
    )


@functools.cache
def _terraform() -> tuple[str, ...]:
    try:
        return find_terraform().argv
    except TollgateError as error:
        pytest.skip(f"{error.message}; {error.hint}")


def _workdir(folder: Path) -> Workdir:
    folder.mkdir(parents=True)
    (folder / "terraform.rc").write_text("disable_checkpoint = true\n", encoding="utf-8")
    return Workdir(folder, _terraform())


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """A folder with the stack of built-in resources, nothing applied."""
    made = _workdir(tmp_path / "work")
    made.write(_STACK)
    return made


def _changed(**resources: Any) -> dict[str, Any]:
    stack: dict[str, Any] = json.loads(json.dumps(_STACK))
    for name, block in resources.items():
        if block is None:
            del stack["resource"]["terraform_data"][name]
        else:
            stack["resource"]["terraform_data"][name] = block
    return stack


def test_two_plans_of_the_same_change_are_one_change_set(workdir: Workdir, tmp_path: Path) -> None:
    """Planned twice, in two folders, at two times: the digest is the same, and holds no secret."""
    elsewhere = _workdir(tmp_path / "else" / "where")
    elsewhere.write(_STACK)
    one, two = workdir.change_set(), elsewhere.change_set()
    assert one == two
    assert one.digest == two.digest
    assert one.summary == {"create": 4, "output": 2}
    assert _CANARY not in json.dumps(one.to_json())


def test_after_apply_nothing_is_left(workdir: Workdir) -> None:
    """What was applied is not planned again, and its change set was another one."""
    before = workdir.change_set()
    workdir.run("apply", "plan")
    after = workdir.change_set()
    assert after.is_empty
    assert after.digest != before.digest


def test_each_later_change_is_read(workdir: Workdir) -> None:
    """An update, a replacement, a deletion and a changed secret arrive as what they are."""
    workdir.plan()
    workdir.run("apply", "plan")
    workdir.write(_changed(bucket={"input": {"name": "log", "days": 7}}, policy=None))
    change_set = workdir.change_set(TF_VAR_release="two", TF_VAR_pin=f"{_CANARY}-2")
    actions = {change.address.partition(".")[2]: change.action for change in change_set.changes}
    assert actions == {
        "bucket": Action.UPDATE,
        "code": Action.REPLACE_DELETE_FIRST,
        "policy": Action.DELETE,
        "secret": Action.UPDATE,
    }
    assert _CANARY not in json.dumps(change_set.to_json())
    assert Kind.DATA_LOSS in {finding.kind for finding in findings(change_set)}


def test_what_a_killed_apply_leaves_is_a_remainder(workdir: Workdir) -> None:
    """With one of the resources made, the rest is still what was approved, its unknowns now known."""
    approved = workdir.change_set()
    workdir.run("apply", "-auto-approve", "-target=terraform_data.bucket")
    now = workdir.change_set()
    assert now.digest != approved.digest
    assert not now.is_empty
    assert is_remainder_of(approved, now)
    assert not is_remainder_of(now, approved)


def test_a_half_made_resource_is_no_remainder(workdir: Workdir) -> None:
    """A tainted resource would be deleted, which nobody approved."""
    approved = workdir.change_set()
    workdir.run("apply", "-auto-approve", "-target=terraform_data.bucket")
    workdir.run("taint", "terraform_data.bucket")
    now = workdir.change_set()
    assert {change.reason for change in now.changes} >= {"replace_because_tainted"}
    assert not is_remainder_of(approved, now)


def test_another_variable_is_another_change_set(workdir: Workdir) -> None:
    """The same stack with another variable is neither the same nor a remainder."""
    approved = workdir.change_set()
    other = workdir.change_set(TF_VAR_release="two")
    assert approved.digest != other.digest
    assert not is_remainder_of(approved, other)


def test_destroying_deletes_everything(workdir: Workdir) -> None:
    """A plan to destroy is a change set like any other."""
    workdir.plan()
    workdir.run("apply", "plan")
    change_set = workdir.change_set("-destroy")
    assert change_set.summary == {"delete": 4, "output": 2}
    assert {change.action for change in change_set.changes} == {Action.DELETE}


def test_a_partial_plan_is_not_complete(workdir: Workdir) -> None:
    """A plan of one resource only is never taken for the whole."""
    change_set = workdir.change_set("-target=terraform_data.bucket")
    assert not change_set.complete
    assert "unproven/incomplete" in {finding.rule for finding in findings(change_set)}


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        (_changed(bucket={"provisioner": {"local-exec": {"command": "true"}}}), "provisioner"),
        ({**_STACK, "module": {"m": {"source": "./m"}}}, "modules"),
    ],
)
def test_what_a_change_set_cannot_show_refuses(tmp_path: Path, stack: dict[str, Any], said: str) -> None:
    """Provisioners and modules in a real plan are refused by name."""
    made = _workdir(tmp_path / "work")
    (made.folder / "m").mkdir()
    (made.folder / "m" / "x.tf.json").write_text('{"resource":{"terraform_data":{"x":{}}}}', encoding="utf-8")
    made.write(stack)
    with pytest.raises(RefusedError, match=said):
        made.change_set()


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The real stacks, synthesized."""
    folder = tmp_path_factory.mktemp("synth") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "infra.main", "--out", str(folder)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    paths = sorted(folder.glob("stacks/payments-*/cdk.tf.json"))
    found = {
        path.parent.name.removeprefix("payments-"): json.loads(path.read_text("utf-8")) for path in paths
    }
    assert set(found) == {"dev", "staging", "prod"}
    return found


@pytest.fixture(scope="module")
def first_plans(
    stacks: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Plans of the first creation of dev and staging by the real AWS provider: it needs no cloud for that."""
    version = stacks["dev"]["terraform"]["required_providers"]["aws"]["version"]
    plans = {}
    for environment in ("dev", "staging"):
        folder = tmp_path_factory.mktemp(environment)
        made = Workdir(folder, _terraform())
        (folder / "terraform.rc").write_text(cli_config(version, folder / "cache"), encoding="utf-8")
        with zipfile.ZipFile(folder / "lambda.zip", "w") as package:
            package.writestr(zipfile.ZipInfo("empty.py"), "")
        alone = {
            "access_key": "none",
            "secret_key": "none",
            "skip_credentials_validation": True,
            "skip_requesting_account_id": True,
            "skip_metadata_api_check": "true",
            "allowed_account_ids": None,
        }
        override = {"terraform": {"backend": {"local": {}}}, "provider": {"aws": [alone]}}
        (folder / "alone_override.tf.json").write_text(json.dumps(override), encoding="utf-8")
        made.write(stacks[environment])
        plans[environment] = made.plan(TF_VAR_account_id="111111111111", AWS_EC2_METADATA_DISABLED="true")
        shutil.rmtree(folder / ".terraform")
    return plans


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_the_first_creation_of_the_real_stack_is_read(
    environment: str, stacks: dict[str, dict[str, Any]], first_plans: dict[str, dict[str, Any]]
) -> None:
    """Every resource of the stack is created and named by its construct; policies show their text."""
    stack = stacks[environment]
    change_set = _read(first_plans[environment], environment, stack)
    wanted = {f"{kind}.{name}" for kind, blocks in stack["resource"].items() for name in blocks}
    assert {change.address for change in change_set.changes} == wanted
    assert {change.action for change in change_set.changes} == {Action.CREATE}
    assert all(change.construct_path for change in change_set.changes)
    policies = [
        change.attribute("policy") for change in change_set.changes if change.type.endswith("_policy")
    ]
    assert policies
    for policy in policies:
        assert policy is not None
        assert not isinstance(policy.after, Unknown) or '"Statement"' in (policy.after.expression or "")
    assert ChangeSet.from_json(json.loads(json.dumps(change_set.to_json()))).digest == change_set.digest


def test_the_first_creation_gives_access_and_nothing_else_to_think_about(
    stacks: dict[str, dict[str, Any]], first_plans: dict[str, dict[str, Any]]
) -> None:
    """In dev, measured against nothing, every grant is told, and none keeps dev from being made."""
    change_set = _read(first_plans["dev"], "dev", stacks["dev"])
    found = findings(change_set, stack=stacks["dev"])
    assert {finding.kind for finding in found} == {Kind.ACCESS}
    assert "access/unreadable" not in {finding.rule for finding in found}
    assert needs_person(change_set, found, "all-but-data-loss") == ()


def test_what_was_proven_in_dev_is_not_news_in_staging(
    stacks: dict[str, dict[str, Any]], first_plans: dict[str, dict[str, Any]]
) -> None:
    """Measured against dev's stack, only what staging is allowed beyond dev is left: the recorded traces."""
    change_set = _read(first_plans["staging"], "staging", stacks["staging"])
    against_nothing = findings(change_set, stack=stacks["staging"])
    against_dev = findings(change_set, stack=stacks["staging"], baseline=stacks["dev"])
    assert len(against_dev) < len(against_nothing)
    assert {finding.id for finding in against_dev} <= {finding.id for finding in against_nothing}
    accepted = tomllib.loads((_ROOT / "environments" / "staging.toml").read_text("utf-8"))["accepts"]
    assert {finding.id for finding in against_dev} == {row["finding"] for row in accepted}
    same = {
        address
        for address in _addresses(stacks["dev"])
        if _written(stacks["dev"], address) == _written(stacks["staging"], address)
    }
    assert not {finding.address for finding in against_dev} & same


@pytest.mark.parametrize(
    ("kind", "name", "mutate", "rule"),
    [
        ("aws_lambda_function", "role", "arn:aws:iam::111111111111:role/operators-staging", "access/role"),
        ("aws_iam_role", "managed_policy_arns", ["arn:aws:iam::aws:policy/ReadOnly"], "access/attribute"),
        ("aws_api_gateway_method", "api_key_required", False, "access/open-method"),
    ],
)
def test_a_first_creation_that_takes_more_than_dev_is_found(
    kind: str,
    name: str,
    mutate: Any,
    rule: str,
    stacks: dict[str, dict[str, Any]],
    first_plans: dict[str, dict[str, Any]],
) -> None:
    """A real first plan that takes a role that exists, a managed policy or an open way in is told."""
    plan, stack = (copy.deepcopy(part) for part in (first_plans["staging"], stacks["staging"]))
    item = next(
        item
        for item in plan["resource_changes"]
        if item["type"] == kind and item["change"]["after"].get(name) != mutate
    )
    item["change"]["after"][name] = mutate
    item["change"]["after_unknown"].pop(name, None)
    stack["resource"][kind][item["name"]][name] = mutate

    def rules(of: Mapping[str, Any], written: dict[str, Any]) -> set[str]:
        found = findings(_read(of, "staging", written), stack=written, baseline=stacks["dev"])
        return {finding.rule for finding in found}

    assert rules(plan, stack) - rules(first_plans["staging"], stacks["staging"]) == {rule}


def _addresses(stack: dict[str, Any]) -> set[str]:
    return {f"{kind}.{name}" for kind, blocks in stack["resource"].items() for name in blocks}


def _written(stack: dict[str, Any], address: str) -> dict[str, Any] | None:
    kind, name = address.split(".")
    block = stack["resource"].get(kind, {}).get(name)
    return {key: value for key, value in block.items() if key not in {"//", "tags"}} if block else None
