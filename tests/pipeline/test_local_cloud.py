"""The local cloud as a person meets it: started, stopped, killed, crowded out, damaged."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from pipeline.model.errors import TollgateError, UsageError
from pipeline.targets.local import AccountSpec, AccountStatus, CloudAccess, LocalCloud
from tests.pipeline.local_cloud_client import client

pytestmark = pytest.mark.cloud

_ROOT = Path(__file__).resolve().parents[2]
_DEV = AccountSpec("dev", "111122223333", "ap-northeast-2")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A cloud of one account, removed afterwards."""
    cloud = LocalCloud(tmp_path, [_DEV])
    yield cloud
    cloud.reset()


def _table(access: CloudAccess) -> None:
    client(access, "dynamodb").create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _put_item(access: CloudAccess, key: str) -> None:
    client(access, "dynamodb").put_item(TableName="things", Item={"pk": {"S": key}})


def _items(access: CloudAccess) -> set[str]:
    return {item["pk"]["S"] for item in client(access, "dynamodb").scan(TableName="things")["Items"]}


def _kill(status: AccountStatus) -> None:
    assert status.pid is not None
    psutil.Process(status.pid).kill()
    _wait_until(lambda: _has_ended(status.pid))


def _has_ended(pid: int | None) -> bool:
    """Whether a process is gone, or has ended and only waits for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_until(reached: Callable[[], bool]) -> None:
    """Wait until something is so; a slow machine may take long."""
    until = time.monotonic() + 120
    while not reached() and time.monotonic() < until:
        time.sleep(0.02)
    assert reached()


def _wait_until_saved(status: AccountStatus) -> None:
    """Wait until there is nothing that no checkpoint covers."""
    _wait_until(lambda: not any(status.log.parent.glob("journal*")))


def _states_bucket(access: CloudAccess) -> None:
    where = {"LocationConstraint": access.region}
    client(access, "s3").create_bucket(Bucket="states", CreateBucketConfiguration=where)


def _lock_state(access: CloudAccess, key: str) -> None:
    """Lock a state as Terraform does: until it is unlocked the account saves nothing by itself."""
    client(access, "s3").put_object(Bucket="states", Key=key, Body=b"{}", IfNoneMatch="*")


def test_an_account_answers_on_loopback_and_nowhere_else(cloud: LocalCloud) -> None:
    """Every socket on which an account listens is bound to 127.0.0.1."""
    (status,) = cloud.up()
    assert status.pid is not None
    listening = [
        each
        for each in psutil.Process(status.pid).net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}
    assert [f"http://127.0.0.1:{each.laddr.port}" for each in listening] == [status.endpoint]


def test_an_account_outlives_the_command_that_started_it_and_is_found_again(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    """Two commands at once start one account, both come back with it, and it goes on when both have ended."""
    program = (
        "import sys; from pathlib import Path; from pipeline.targets.local import *\n"
        f"spec = AccountSpec({_DEV.environment!r}, {_DEV.account_id!r}, {_DEV.region!r})\n"
        "print(*[status.pid for status in LocalCloud(Path(sys.argv[1]), [spec]).up()])"
    )
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", program, os.fspath(tmp_path)], cwd=_ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [command.communicate(timeout=600)[0].strip() for command in commands]
    assert [command.returncode for command in commands] == [0, 0]
    (status,) = cloud.status()
    assert status.state == "up"
    assert told == [str(status.pid)] * 2


def test_going_up_twice_starts_nothing_anew(cloud: LocalCloud) -> None:
    """`up` is idempotent: the same process answers afterwards."""
    (first,) = cloud.up()
    assert cloud.up() == (first,)


def test_everything_survives_a_clean_stop_and_the_address_stays(cloud: LocalCloud) -> None:
    """After `down` and `up` an account holds what it held, at the same address, and nothing vanished."""
    (before,) = cloud.up()
    access = cloud.access("dev")
    _table(access)
    _put_item(access, "a")
    bucket = {"LocationConstraint": access.region}
    client(access, "s3").create_bucket(Bucket="objects", CreateBucketConfiguration=bucket)
    client(access, "s3").put_object(Bucket="objects", Key="deep/key", Body=b"content")
    client(access, "cloudwatch").put_dashboard(DashboardName="board", DashboardBody='{"widgets": []}')
    client(access, "cloudwatch").put_metric_alarm(
        AlarmName="alarm",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    api = client(access, "apigateway").create_rest_api(name="api")["id"]

    (down,) = cloud.down()
    assert (down.state, down.pid, down.endpoint) == ("down", None, before.endpoint)

    (after,) = cloud.up()
    assert (after.state, after.endpoint, after.vanished) == ("up", before.endpoint, ())
    assert _items(access) == {"a"}
    assert client(access, "s3").get_object(Bucket="objects", Key="deep/key")["Body"].read() == b"content"
    assert client(access, "cloudwatch").get_dashboard(DashboardName="board")["DashboardBody"]
    alarms = client(access, "cloudwatch").describe_alarms()["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in alarms] == ["alarm"]
    assert client(access, "apigateway").get_rest_api(restApiId=api)["name"] == "api"


def test_after_a_kill_the_checkpoint_survives_and_the_rest_is_named(cloud: LocalCloud) -> None:
    """A killed account is unclean, says what came after its last checkpoint, and keeps what came before."""
    (status,) = cloud.up()
    access = cloud.access("dev")
    _states_bucket(access)
    _lock_state(access, "dev.tflock")  # so that no checkpoint but ours is made, however long the rest takes
    _table(access)
    _put_item(access, "saved")
    cloud.checkpoint("dev")
    _put_item(access, "lost")
    _kill(status)

    (unclean,) = cloud.status()
    assert (unclean.state, unclean.pid) == ("unclean", None)
    table = f"arn:aws:dynamodb:{_DEV.region}:{_DEV.account_id}:table/things"
    lost = f"dynamodb:PutItem on {table} came after the last checkpoint and is lost"
    assert unclean.vanished == (lost,)

    (again,) = cloud.up()
    assert (again.state, again.vanished) == ("up", (lost,))
    assert _items(access) == {"saved"}
    cloud.down()
    (later,) = cloud.up()
    assert later.vanished == ()


def test_a_change_is_saved_soon_even_if_nobody_asks(cloud: LocalCloud) -> None:
    """A few seconds after a change, a kill no longer loses it."""
    (status,) = cloud.up()
    access = cloud.access("dev")
    _table(access)
    _put_item(access, "a")
    _wait_until_saved(status)
    _kill(status)
    (unclean,) = cloud.status()
    assert unclean.vanished == ()
    cloud.up()
    assert _items(access) == {"a"}


def test_an_object_survives_a_kill_without_a_checkpoint(cloud: LocalCloud) -> None:
    """S3's objects, Terraform's state among them, are on disk before their upload is answered."""
    (status,) = cloud.up()
    access = cloud.access("dev")
    _states_bucket(access)
    cloud.checkpoint("dev")
    client(access, "s3").put_object(Bucket="states", Key="terraform.tfstate", Body=b"{}")
    _kill(status)
    (unclean,) = cloud.status()
    assert unclean.vanished == ()
    cloud.up()
    assert client(access, "s3").get_object(Bucket="states", Key="terraform.tfstate")["Body"].read() == b"{}"


def test_an_account_that_does_not_answer_is_replaced(cloud: LocalCloud, tmp_path: Path) -> None:
    """A process that hangs is dead, and `up` starts another in its place."""
    (status,) = cloud.up()
    assert status.pid is not None
    psutil.Process(status.pid).send_signal(signal.SIGSTOP)
    (hung,) = cloud.status()
    assert (hung.state, hung.pid) == ("dead", status.pid)
    told: list[str] = []
    (again,) = LocalCloud(tmp_path, [_DEV], patience_seconds=1.0).up(told.append)
    assert again.state == "up"
    assert again.pid != status.pid
    assert told[0] == "the account of dev does not answer; starting it anew"


def test_a_port_taken_meanwhile_is_given_up_for_another_that_is_then_kept(cloud: LocalCloud) -> None:
    """Where another program listens on the remembered port, an account moves, says so, and stays there."""
    (before,) = cloud.up()
    assert before.endpoint is not None
    cloud.down()
    with closing(socket.create_server(("127.0.0.1", int(before.endpoint.rpartition(":")[2])))):
        told: list[str] = []
        (moved,) = cloud.up(told.append)
    assert moved.endpoint != before.endpoint
    assert told[-1] == f"{before.endpoint} is taken, so the account of dev now answers at {moved.endpoint}"
    cloud.down()
    assert cloud.up()[0].endpoint == moved.endpoint


def test_a_port_that_a_person_chose_is_never_given_up(tmp_path: Path) -> None:
    """A fixed port that is taken is one clear error."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        spec = AccountSpec("dev", "111122223333", "ap-northeast-2", port=port, port_is_fixed=True)
        with pytest.raises(TollgateError) as raised:
            LocalCloud(tmp_path, [spec]).up()
    assert raised.value.message == (
        f"the local account of dev could not be started: port {port} is taken by another program "
        "and no other port was allowed"
    )


def test_a_damaged_state_is_one_sentence_and_a_reset_helps(cloud: LocalCloud) -> None:
    """An account whose saved state was changed behind its back does not start, and says what to do."""
    (status,) = cloud.up()
    cloud.down()
    snapshot = status.log.parent / "state" / "snapshot.json"
    snapshot.write_bytes(snapshot.read_bytes() + b"x")
    with pytest.raises(TollgateError) as raised:
        cloud.up()
    assert raised.value.message == (
        "the local account of dev could not be started: the saved state of the local account cannot be used: "
        f"{snapshot}: it is not what was written"
    )
    assert raised.value.hint == "remove this local cloud with `tollgate cloud reset`, then promote again"
    cloud.reset()
    assert cloud.up()[0].state == "up"


def test_an_account_that_cannot_save_says_so_and_does_not_end_as_if_it_had(cloud: LocalCloud) -> None:
    """With its state's folder gone a checkpoint is an error, and a stop is unclean and names its losses."""
    (status,) = cloud.up()
    state = status.log.parent / "state"
    state.rename(state.with_name("moved"))
    state.touch()
    _table(cloud.access("dev"))
    with pytest.raises(TollgateError, match=r"account of dev could not be saved: .* cannot be written"):
        cloud.checkpoint("dev")
    (unclean,) = cloud.down()
    assert unclean.state == "unclean"
    assert "dynamodb:CreateTable" in unclean.vanished[0]
    with pytest.raises(TollgateError, match=r"could not be started: the folder .*state cannot be made"):
        cloud.up()
    assert cloud.status() == (unclean,)
    state.unlink()
    state.with_name("moved").rename(state)
    (again,) = cloud.up()
    assert (again.state, again.vanished) == ("up", unclean.vanished)
    _kill(again)
    assert cloud.up()[0].vanished == unclean.vanished


def test_a_folder_is_served_as_the_account_it_was_made_for_only(cloud: LocalCloud, tmp_path: Path) -> None:
    """Other account ids in the settings do not silently take over what a folder holds."""
    cloud.up()
    other = LocalCloud(tmp_path, [AccountSpec("dev", "999988887777", "ap-northeast-2")])
    with pytest.raises(TollgateError, match="was made as 111122223333 in ap-northeast-2, but"):
        other.up()


def test_what_an_account_keeps_is_its_owners_alone(cloud: LocalCloud) -> None:
    """Nothing below an account's folder can be read by anybody else."""
    (status,) = cloud.up()
    _table(cloud.access("dev"))
    cloud.checkpoint("dev")
    folder = status.log.parent
    modes = {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*")) if not path.is_symlink()}
    assert modes == {0}


def test_an_account_that_is_down_gives_no_access(cloud: LocalCloud) -> None:
    """Whoever asks how to reach an account that is down is told how to start it."""
    with pytest.raises(TollgateError) as raised:
        cloud.access("dev")
    assert (raised.value.message, raised.value.hint) == (
        "the local account of dev is down, not up",
        "start it with `tollgate cloud up`",
    )
    with pytest.raises(TollgateError, match="has nothing to save"):
        cloud.checkpoint("dev")
    with pytest.raises(UsageError, match="has no account for 'prod'"):
        cloud.access("prod")


def test_a_stop_ends_what_runs_in_the_account_and_nothing_else(cloud: LocalCloud) -> None:
    """After `down` none of the account's processes is left, and the port is free."""
    (status,) = cloud.up()
    assert status.endpoint is not None
    cloud.down()
    assert _has_ended(status.pid)
    with closing(socket.create_server(("127.0.0.1", int(status.endpoint.rpartition(":")[2])))):
        pass


def test_nothing_is_saved_while_terraform_works_unless_asked_for(cloud: LocalCloud) -> None:
    """Killed under a held state lock, an account comes back with nothing that the state cannot know of."""
    (status,) = cloud.up()
    access = cloud.access("dev")
    _states_bucket(access)
    _lock_state(access, "dev.tflock")
    cloud.checkpoint("dev")
    _table(access)
    time.sleep(3)
    _kill(status)
    (unclean,) = cloud.status()
    table = f"arn:aws:dynamodb:{_DEV.region}:{_DEV.account_id}:table/things"
    assert unclean.vanished == (
        f"dynamodb:CreateTable on {table} came after the last checkpoint and is lost",
    )
    (status,) = cloud.up()
    assert client(access, "dynamodb").list_tables()["TableNames"] == []

    _lock_state(access, "other.tflock")
    _table(access)
    client(access, "s3").delete_object(Bucket="states", Key="other.tflock")
    _wait_until_saved(status)
    _kill(status)
    cloud.up()
    assert client(access, "dynamodb").list_tables()["TableNames"] == ["things"]
