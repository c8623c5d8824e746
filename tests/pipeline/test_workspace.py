"""The workspace against real Terraform: built-in resources, and a state in the S3 of an emulated account."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.deploy.anchor import Anchor
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.terraform_binary import TerraformBinary, find_terraform
from pipeline.deploy.workspace import (
    LOCK_FILE,
    STACK_FILE,
    Event,
    StateLockedError,
    TerraformError,
    Workspace,
    open_workspace,
)
from pipeline.host.lock import LockHeldError, Owner
from pipeline.model.environment import Instance
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.targets.account import Account
from pipeline.targets.local import AccountSpec, LocalCloud

pytestmark = pytest.mark.terraform
_ACCOUNT = "100000000009"
_RELEASE = "sha256:" + "1" * 64
_VARIABLES = {name: {"type": "string"} for name in ("environment_suffix", "account_id", "release")}


class _Place:
    """One account with a state bucket, and a Terraform: enough for many instances."""

    def __init__(self, folder: Path, account: Account, terraform: TerraformBinary) -> None:
        self.folder, self.account, self.terraform = folder, account, terraform
        self.bucket = StateBucket(account)
        (folder / "work").mkdir()

    def workspace(self, suffix: str, stack: dict[str, Any]) -> AbstractContextManager[Workspace]:
        """Open a workspace for an instance of `stack`, its backend and variables added."""
        whole = {"terraform": {"backend": {"s3": {}}}, "variable": _VARIABLES, **stack}
        return open_workspace(
            {STACK_FILE: json.dumps(whole).encode(), LOCK_FILE: b"# none\n", "lambda.zip": b"code"},
            name=f"dev.{suffix}",
            account=self.account,
            variables={"account_id": _ACCOUNT, "environment_suffix": suffix, "release": _RELEASE},
            terraform=self.terraform,
            work=self.folder / "work",
            cache=self.folder / "cache",
        )

    def init(self, workspace: Workspace, suffix: str) -> None:
        """Connect a workspace with its instance's state."""
        workspace.init(self.bucket.state(Instance("dev", suffix)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Place]:
    """One emulated account for all of these tests."""
    try:
        terraform = find_terraform()
    except TollgateError as error:
        pytest.skip(error.message)
    folder = tmp_path_factory.mktemp("workspace")
    cloud = LocalCloud(folder / "home", [AccountSpec("dev", _ACCOUNT, "ap-northeast-2")])
    cloud.up()
    access = cloud.access("dev")
    account = Account("local", _ACCOUNT, access.region, access.variables, access.invoke_url)
    place = _Place(folder, account, terraform)
    place.bucket.ensure()
    yield place
    cloud.reset()


def _at_ease() -> None:
    """Nothing keeps an apply from going on."""


def _stack(value: str = "one", **other: Any) -> dict[str, Any]:
    return {
        "resource": {"terraform_data": {"it": {"input": value}}},
        "output": {
            "value": {"value": "${terraform_data.it.output}"},
            "where": {"value": "${var.account_id}/${var.environment_suffix}"},
            "release": {"value": "${var.release}"},
            "secret": {"value": "hidden", "sensitive": True},
        },
    } | other


def test_what_is_planned_is_applied_and_then_there_is_nothing_to_do(place: _Place) -> None:
    """Plan, apply and outputs agree; a second plan is empty; the plan file and the folder are gone afterwards."""
    instance = Instance("dev", "whole")
    events: list[str] = []
    with place.workspace(instance.suffix, _stack()) as workspace:
        place.init(workspace, instance.suffix)
        assert workspace.plan(lambda _: None)
        (change,) = workspace.show_plan()["resource_changes"]
        assert (workspace.folder / "plan.bin").stat().st_mode & 0o077 == 0
        workspace.apply(lambda event: events.append(str(event["type"])), _at_ease)
        outputs = workspace.outputs()
        assert not (workspace.folder / "plan.bin").exists()
        assert not workspace.plan(lambda _: None)

    assert change["address"] == "terraform_data.it"
    assert outputs == {"value": "one", "where": f"{_ACCOUNT}/whole", "release": _RELEASE}
    assert {"apply_start", "apply_complete", "change_summary"} <= set(events)
    assert place.bucket.state(instance).resource_count() == 1
    assert list((place.folder / "work").iterdir()) == []

    with place.workspace(instance.suffix, _stack()) as workspace:
        place.init(workspace, instance.suffix)
        assert workspace.plan(lambda _: None, destroy=True)
        workspace.apply(lambda _: None, _at_ease)
    assert place.bucket.state(instance).resource_count() == 0


def test_the_folder_holds_the_releases_files_and_nothing_else(place: _Place) -> None:
    """Terraform runs beside exactly three files, in a folder that only its owner may enter."""
    with place.workspace("files", _stack()) as workspace:
        found = sorted(path.name for path in workspace.folder.iterdir())
        modes = {path.stat().st_mode & 0o077 for path in (workspace.folder, workspace.folder.parent)}

    assert found == [".terraform.lock.hcl", "cdk.tf.json", "lambda.zip"]
    assert modes == {0}


def test_a_failing_plan_speaks_in_sentences(place: _Place) -> None:
    """What Terraform objects to comes as its words with the address, without colours or boxes."""
    broken = _stack(check={})
    broken["resource"]["terraform_data"]["it"]["lifecycle"] = {
        "precondition": [
            {"condition": "${var.account_id == 0}", "error_message": "The account is another one."}
        ]
    }
    del broken["check"]
    with place.workspace("broken", broken) as workspace:
        place.init(workspace, "broken")
        with pytest.raises(
            TerraformError, match="terraform plan failed: Resource precondition failed"
        ) as failed:
            workspace.plan(lambda _: None)

    (problem,) = failed.value.problems
    assert "(resource.terraform_data.it.lifecycle" in problem
    assert "The account is another one." in problem
    assert not set("\x1b│╷╵") & set(problem)


def test_a_failing_apply_speaks_in_sentences(place: _Place) -> None:
    """What broke half-way is named with its address, and the plan is not kept for another try."""
    broken = _stack()
    broken["resource"]["terraform_data"]["it"]["provisioner"] = [
        {"local-exec": {"command": "echo no; exit 3"}}
    ]
    with place.workspace("half", broken) as workspace:
        place.init(workspace, "half")
        assert workspace.plan(lambda _: None)
        with pytest.raises(
            TerraformError, match="terraform apply failed: local-exec provisioner error"
        ) as failed:
            workspace.apply(lambda _: None, _at_ease)
        assert not (workspace.folder / "plan.bin").exists()

    assert "exit status 3" in failed.value.message
    assert failed.value.hint == "run the same command again to finish it"


def test_an_apply_is_stopped_when_it_may_not_go_on(place: _Place) -> None:
    """Where the account dies meanwhile, the sentence comes at once and Terraform does not work on."""
    slow = _stack()
    slow["resource"]["terraform_data"]["it"]["provisioner"] = [{"local-exec": {"command": "sleep 60"}}]
    message = "the account has gone"

    def insist() -> None:
        if any(each["type"] == "provision_start" for each in events):
            raise TollgateError(message)

    events: list[Event] = []
    started = time.monotonic()
    with place.workspace("slow", slow) as workspace:
        place.init(workspace, "slow")
        assert workspace.plan(lambda _: None)
        with pytest.raises(TollgateError, match=message):
            workspace.apply(events.append, insist)
    assert time.monotonic() - started < 50


def test_a_stack_that_is_none_is_a_sentence(place: _Place) -> None:
    """A stack that Terraform cannot read fails at init, in Terraform's words."""
    with (
        place.workspace("none", {"resuorce": {}}) as workspace,
        pytest.raises(TerraformError, match="terraform init failed") as failed,
    ):
        place.init(workspace, "none")
    assert "resuorce" in failed.value.message


def test_a_stack_for_another_region_is_refused_before_terraform_sees_it(place: _Place) -> None:
    """What is shown, read and locked is in the environment's region, so the stack has to be there too."""
    with (
        pytest.raises(RefusedError, match="the stack deploys to eu-west-1, and the settings of its env"),
        place.workspace("abroad", {"provider": {"aws": [{"region": "eu-west-1"}]}}),
    ):
        pass


def test_a_bucket_that_is_not_there_is_a_sentence(place: _Place) -> None:
    """A state that cannot be reached fails at init."""
    with (
        place.workspace("nowhere", _stack()) as workspace,
        pytest.raises(TerraformError, match="terraform init failed"),
    ):
        workspace.init(
            replace(place.bucket.state(Instance("dev", "nowhere")), bucket="tollgate-no-such-bucket")
        )


def test_a_locked_state_says_by_whom(place: _Place) -> None:
    """Where another Terraform holds the state, its lock's id and owner are known, and it can be broken by that id."""
    instance = Instance("dev", "locked")
    key = place.bucket.state(instance).key
    lock = {
        "ID": "11111111-2222-3333-4444-555555555555",
        "Operation": "OperationTypePlan",
        "Info": "",
        "Who": "ann@build-7",
        "Version": "1.11.4",
        "Created": "2026-01-01T09:00:00Z",
        "Path": f"{place.bucket.name}/{key}",
    }
    s3 = place.account.client("s3")
    with place.workspace(instance.suffix, _stack()) as workspace:
        place.init(workspace, instance.suffix)
        s3.put_object(Bucket=place.bucket.name, Key=f"{key}.tflock", Body=json.dumps(lock).encode())

        with pytest.raises(StateLockedError) as locked:
            workspace.plan(lambda _: None)
        assert (locked.value.lock_id, locked.value.who) == (lock["ID"], "ann@build-7")
        assert locked.value.since == "2026-01-01 09:00:00 UTC"
        with pytest.raises(TerraformError, match="terraform force-unlock failed"):
            workspace.force_unlock("99999999-2222-3333-4444-555555555555")
        workspace.force_unlock(locked.value.lock_id)
        assert workspace.plan(lambda _: None)


def test_outputs_of_nothing_are_none(place: _Place) -> None:
    """Where nothing was ever applied there are no outputs."""
    with place.workspace("empty", _stack()) as workspace:
        place.init(workspace, "empty")
        assert workspace.outputs() == {}


# --- beside the state


def test_the_state_bucket_is_closed_and_made_once(place: _Place) -> None:
    """The bucket is versioned, encrypted and closed to the public, and making it again is harmless."""
    place.bucket.ensure()
    s3 = place.account.client("s3")

    assert s3.get_bucket_versioning(Bucket=place.bucket.name)["Status"] == "Enabled"
    closed = s3.get_public_access_block(Bucket=place.bucket.name)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}


def test_a_bucket_that_was_half_made_is_repaired(place: _Place) -> None:
    """A run that was killed between its calls left a bucket that keeps no versions and is open."""
    s3 = place.account.client("s3")
    s3.put_bucket_versioning(Bucket=place.bucket.name, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=place.bucket.name)
    s3.delete_bucket_policy(Bucket=place.bucket.name)
    s3.delete_bucket_tagging(Bucket=place.bucket.name)

    place.bucket.make()

    assert s3.get_bucket_versioning(Bucket=place.bucket.name)["Status"] == "Enabled"
    closed = s3.get_public_access_block(Bucket=place.bucket.name)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=place.bucket.name)["Policy"])["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=place.bucket.name)["TagSet"]}
    assert tags == {"ManagedBy": "tollgate", "Project": "tollgate"}


def test_a_policy_and_tags_of_somebody_else_stay(place: _Place) -> None:
    """What a company puts on the state bucket is not taken off by a repair."""
    s3, name = place.account.client("s3"), place.bucket.name
    stricter = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    stricter["Statement"][0]["Sid"] = "OurOwn"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(stricter))
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "CostCenter", "Value": "42"}]})

    place.bucket.make()

    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == stricter
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "CostCenter", "Value": "42"}]


@pytest.mark.parametrize(
    ("region", "where"),
    [
        ("us-east-1", {}),
        ("eu-west-1", {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}),
    ],
)
def test_a_bucket_is_made_where_its_account_is(region: str, where: dict[str, Any]) -> None:
    """S3 wants to be told every region but one, which it refuses to be told."""
    client = boto3.client("s3", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    name = f"tollgate-state-{_ACCOUNT}"
    with Stubber(client) as s3:
        s3.add_client_error("head_bucket", "404")
        s3.add_response("create_bucket", {}, {"Bucket": name, **where})
        for call in ("put_bucket_versioning", "put_bucket_encryption", "put_public_access_block"):
            s3.add_response(call, {})
        s3.add_client_error("get_bucket_policy", "NoSuchBucketPolicy")
        s3.add_response("put_bucket_policy", {})
        s3.add_client_error("get_bucket_tagging", "NoSuchTagSet")
        s3.add_response("put_bucket_tagging", {})
        account = SimpleNamespace(account_id=_ACCOUNT, region=region, client=lambda _: client)
        StateBucket(cast("Account", account)).make()
        s3.assert_no_pending_responses()


def test_the_key_for_secrets_is_made_once(place: _Place) -> None:
    """Everybody who asks gets the same 32 bytes, or digests of secrets could not be compared."""
    first = place.bucket.secret_key()

    assert len(first) == 32
    assert StateBucket(place.account).secret_key() == first


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (b'{"terraform_version": "99.0.0"}', "was written by Terraform 99.0.0; this one is "),
        (b"not JSON", "is damaged: it is not a Terraform state"),
        (b"[]", "is damaged: it is not a Terraform state"),
        (b'{"terraform_version": "new"}', "is damaged: it is not a Terraform state"),
    ],
)
def test_a_state_that_this_terraform_must_not_touch(place: _Place, state: bytes, sentence: str) -> None:
    """A state from a newer Terraform, or none at all, is refused before Terraform sees it."""
    instance = Instance("dev", "newer")
    key = place.bucket.state(instance).key
    place.account.client("s3").put_object(Bucket=place.bucket.name, Key=key, Body=state)

    with pytest.raises(TollgateError, match=sentence):
        place.bucket.state(instance).insist_on_version(place.terraform.version)


def test_a_state_that_is_not_there_is_anybodys(place: _Place) -> None:
    """Before the first apply every Terraform will do, and nothing is counted."""
    instance = Instance("dev", "never")

    place.bucket.state(instance).insist_on_version("1.11.0")
    assert place.bucket.state(instance).resource_count() == 0


def test_one_promoter_at_a_time(place: _Place) -> None:
    """While one holds an instance another one is refused with who it is; afterwards it is free."""
    instance = Instance("dev", "held")

    with place.bucket.promotion_lock(place.bucket.state(instance), "promoting", lambda _: None):
        second = place.bucket.promotion_lock(place.bucket.state(instance), "me too", lambda _: None)
        with pytest.raises(LockHeldError, match=r"another promotion is at work there: .*: promoting"), second:
            pytest.fail("two hold one instance")
    with place.bucket.promotion_lock(place.bucket.state(instance), "now me", lambda _: None):
        pass


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"process_started": 1.0}, True),
        ({"boot": "another", "installation": "another", "process_started": 1.0}, False),
        ({"pid": "x"}, False),
    ],
    ids=["dead here", "perhaps dead elsewhere", "not readable"],
)
def test_only_a_provably_dead_promoter_is_taken_over(
    place: _Place, change: dict[str, Any], taken: bool
) -> None:
    """What a dead run of this machine left is taken over and said; anything else is respected."""
    instance = Instance("dev", "left")
    key = f"{instance.environment}/{instance.suffix}/promotion.lock"
    s3 = place.account.client("s3")
    left = json.dumps(json.loads(Owner.me("killed").to_json()) | change)
    s3.put_object(Bucket=place.bucket.name, Key=key, Body=left.encode())
    told: list[str] = []
    held = place.bucket.promotion_lock(place.bucket.state(instance), "the next", told.append)

    if taken:
        with held:
            assert told[0].startswith("taking over from a dead run: ")
        assert "Contents" not in s3.list_objects_v2(Bucket=place.bucket.name, Prefix=key)
    else:
        with pytest.raises(LockHeldError, match="another promotion is at work there"), held:
            pytest.fail("it was taken")
        s3.delete_object(Bucket=place.bucket.name, Key=key)


# --- the anchor


def _digest(letter: str) -> str:
    return "sha256:" + letter * 64


def test_an_anchor_is_kept_and_moves_forward_only(place: _Place) -> None:
    """None before the first; then the newest entry, which neither goes back nor changes under its number."""
    instance = Instance("dev", "anchored")
    assert place.bucket.anchor(instance) is None

    place.bucket.write_anchor(instance, 4, _digest("a"))
    place.bucket.write_anchor(instance, 4, _digest("a"))
    place.bucket.write_anchor(instance, 7, _digest("b"))
    with pytest.raises(TollgateError, match="is entry 7, but this ledger ends at 6"):
        place.bucket.write_anchor(instance, 6, _digest("c"))
    with pytest.raises(TollgateError, match="is another entry 7 than this ledger's"):
        place.bucket.write_anchor(instance, 7, _digest("c"))

    assert place.bucket.anchor(instance) == Anchor(7, _digest("b"))


@pytest.mark.parametrize("first", [True, False], ids=["the first", "a later one"])
def test_of_two_who_move_an_anchor_one_is_told(
    place: _Place, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Both have read the same anchor; the second write finds another one and is refused."""
    instance = Instance("dev", f"raced-{first}".lower())
    if not first:
        place.bucket.write_anchor(instance, 1, _digest("a"))
    read = StateBucket._anchor

    def read_and_lose(bucket: StateBucket, instance: Instance) -> tuple[Anchor | None, str | None]:
        found = read(bucket, instance)
        monkeypatch.setattr(StateBucket, "_anchor", read)
        StateBucket(place.account).write_anchor(instance, 2, _digest("b"))
        return found

    monkeypatch.setattr(StateBucket, "_anchor", read_and_lose)
    with pytest.raises(TollgateError, match="somebody else moved the anchor of"):
        place.bucket.write_anchor(instance, 3, _digest("c"))

    assert place.bucket.anchor(instance) == Anchor(2, _digest("b"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"schema": 1, "number": 1}',
        b'{"schema": 2, "number": 1, "digest": "sha256:' + b"a" * 64 + b'"}',
        b'{"schema": 1, "number": true, "digest": "sha256:' + b"a" * 64 + b'"}',
        b'{"schema": 1, "number": 0, "digest": "sha256:' + b"a" * 64 + b'"}',
        b'{"schema": 1, "number": 1, "digest": "a"}',
        b'{"schema": 1, "number": 1, "digest": "sha256:' + b"a" * 64 + b'", "more": 1}',
    ],
)
def test_what_is_no_anchor_is_refused(place: _Place, content: bytes) -> None:
    """An anchor that cannot be understood is damaged; it is neither taken for none nor written over."""
    instance = Instance("dev", "damaged")
    s3 = place.account.client("s3")
    s3.put_object(Bucket=place.bucket.name, Key="anchor/dev.damaged.json", Body=content)

    with pytest.raises(TollgateError, match=r"the anchor of dev/damaged in .* is damaged"):
        place.bucket.anchor(instance)
    with pytest.raises(TollgateError, match="is damaged"):
        place.bucket.write_anchor(instance, 3, _digest("c"))
