"""What an account has once is given to it whole: shown first, by one run at a time, and finished after a kill."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from pipeline.bootstrap import too_little
from pipeline.targets.account import Account
from tests.pipeline.tiny_project import REPOSITORY, TinyProject

_STATE = "bootstrap/terraform.tfstate"
_DONE = "bootstrap/done"
_PROVIDER = {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}


def _bucket(tiny: TinyProject) -> str:
    return f"tollgate-state-{tiny.account('dev').account_id}"


def _keys(tiny: TinyProject) -> set[str]:
    """What lies in the account's state bucket of what the account has once."""
    listed = tiny.account("dev").client("s3").list_objects_v2(Bucket=_bucket(tiny), Prefix="bootstrap/")
    return {item["Key"] for item in listed.get("Contents", ())}


@pytest.fixture
def fresh(tiny: TinyProject) -> Iterator[TinyProject]:
    """The tiny project with an account that has nothing yet."""
    tiny.succeed("cloud", "reset")
    yield tiny
    tiny.succeed("cloud", "down")


@pytest.mark.terraform
def test_nothing_is_made_where_nobody_says_yes(fresh: TinyProject) -> None:
    """Without a terminal and without `--yes` the plan is shown and refused; only the bucket for the state is there."""
    refused = fresh.tollgate("bootstrap", "dev")

    assert refused.returncode == 3
    assert "1 to create" in refused.stdout
    assert "error: nothing was changed: nobody was there to say yes" in refused.stderr
    assert "next:  read it, then run again with `--yes`" in refused.stderr
    assert _keys(fresh) == set()


@pytest.mark.terraform
def test_an_account_is_bootstrapped_once(fresh: TinyProject) -> None:
    """`--yes` applies what is shown; said again there is nothing to do, and a promotion does not do it again."""
    first = fresh.tollgate("bootstrap", "dev", "--yes")
    again = fresh.tollgate("bootstrap", "dev")
    promoted = fresh.tollgate("promote", "--to", "dev")

    assert (first.returncode, again.returncode, promoted.returncode) == (0, 0, 0), promoted.stderr
    assert "1 to apply" in first.stderr
    assert "nothing to do" in again.stderr
    assert "first use of this account" not in promoted.stderr
    assert _keys(fresh) == {_STATE, _DONE}


def test_a_real_account_must_know_whose_workflows_deploy_there(tiny: TinyProject, tmp_path: Path) -> None:
    """On AWS nobody's repository is trusted by default."""
    # The tiny project's own ledger is that of its emulated accounts.
    refused = tiny.tollgate(
        "bootstrap", "dev", "--yes", "--target", "aws", TOLLGATE_HOME=str(tmp_path / "for-aws")
    )

    assert refused.returncode == 2
    assert "error: a real account must know whose workflows may deploy there" in refused.stderr
    assert "next:  say `--repository OWNER/NAME --repository-id NUMBER`" in refused.stderr


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("point", "everything"),
    [
        ("bootstrap-planned", ""),
        ("bootstrap-applying", "1"),
        ("bootstrap-applied", "1"),
    ],
)
def test_a_first_use_that_was_killed_is_finished_by_the_next_run(
    fresh: TinyProject, point: str, everything: str
) -> None:
    """Wherever it was killed, with or without Terraform: the account gets all of it, and no lock is left."""
    promote = ("promote", "--to", "dev", "--check")
    killed = fresh.tollgate(*promote, TOLLGATE_KILL_AT=point, TOLLGATE_KILL_ALL=everything)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert _DONE not in _keys(fresh)

    fresh.succeed(*promote)

    assert _keys(fresh) == {_STATE, _DONE}


@pytest.mark.terraform
def test_a_part_is_not_taken_for_the_whole(fresh: TinyProject) -> None:
    """A state that knows a part only, such as a failed apply leaves, is no reason to go on without the rest."""
    fresh.succeed("bootstrap", "dev", "--yes")
    s3 = fresh.account("dev").client("s3")
    s3.delete_object(Bucket=_bucket(fresh), Key=_DONE)

    said = fresh.tollgate("promote", "--to", "dev", "--check")

    assert "first use of this account: giving it what it has once" in said.stderr
    assert _DONE in _keys(fresh)


@pytest.mark.terraform
def test_two_runs_may_use_an_account_for_the_first_time_at_once(fresh: TinyProject) -> None:
    """One gives the account what it has once, the other one waits for it; both succeed."""
    runs = [fresh.start("promote", "--suffix", name) for name in ("pr-1", "pr-2")]
    ended = [run.communicate(timeout=300) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], ended
    for name in ("pr-1", "pr-2"):
        fresh.succeed("destroy", "dev", "--suffix", name)


_THREE_TOPICS = f"""
import json, pathlib, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from tests.pipeline.test_bootstrap import topics
for environment in ("dev", "prod"):
    folder = pathlib.Path(sys.argv[1]) / "stacks" / f"bootstrap-{{environment}}"
    folder.mkdir(parents=True)
    (folder / "cdk.tf.json").write_text(json.dumps(topics(), sort_keys=True))
"""


def topics() -> dict[str, Any]:
    """Return a stack of three topics, one after the other."""
    return {
        "terraform": {"backend": {"s3": {}}, "required_providers": _PROVIDER},
        "provider": {"aws": [{"region": "ap-northeast-2"}]},
        "variable": {
            name: {"type": "string"} for name in ("account_id", "github_repository", "github_repository_id")
        },
        "resource": {
            "aws_sns_topic": {
                "first": {"name": "first"},
                "second": {"name": "second", "depends_on": ["aws_sns_topic.first"]},
                "third": {"name": "third", "depends_on": ["aws_sns_topic.second"]},
            }
        },
        "output": {"concurrency_target": {"value": 10}},
    }


@pytest.mark.terraform
@pytest.mark.cloud
def test_what_a_killed_bootstrap_made_is_taken_over(fresh: TinyProject) -> None:
    """Terraform had no time to save its state: what it made is neither in the way nor made twice."""
    old = {name: (fresh.root / name).read_text() for name in ("bootstrap.py", "terraform.lock.hcl")}
    fresh.write("bootstrap.py", _THREE_TOPICS)
    lock = (REPOSITORY / "environments" / "terraform.lock.hcl").read_text()
    fresh.write("terraform.lock.hcl", lock)
    killed = fresh.tollgate(
        "bootstrap", "dev", "--yes", TOLLGATE_KILL_AT="bootstrap-applying:3", TOLLGATE_KILL_ALL="1"
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # On a slow machine Terraform may have saved its state before it was killed.
    fresh.account("dev").client("s3").delete_object(Bucket=_bucket(fresh), Key=_STATE)

    finished = fresh.tollgate("bootstrap", "dev", "--yes")

    for name, content in old.items():
        fresh.write(name, content)
    assert finished.returncode == 0, finished.stderr
    assert "took over what an interrupted run had made: aws_sns_topic.first" in finished.stderr
    assert _keys(fresh) == {_STATE, _DONE}
    topics_there = fresh.account("dev").client("sns").list_topics()["Topics"]
    assert sorted(topic["TopicArn"].rpartition(":")[2] for topic in topics_there) == [
        "first",
        "second",
        "third",
    ]


# --- quotas


def _account(limit: int | None) -> Account:
    """An account that allows so many executions at once; None: it does not say."""

    def settings() -> dict[str, Any]:
        if limit is None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetAccountSettings")
        return {"AccountLimit": {"ConcurrentExecutions": limit}}

    return cast("Account", SimpleNamespace(client=lambda _: SimpleNamespace(get_account_settings=settings)))


_ASK = "ask AWS for a higher `Concurrent executions` quota"
_DENIED = "An error occurred (AccessDenied) when calling the GetAccountSettings operation: no"


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (1000, None),
        (999, f"the account allows 999 Lambda executions at once, 1000 are wanted; {_ASK}"),
        (None, f"the account's Lambda quota cannot be read: {_DENIED}"),
    ],
)
def test_a_quota_that_is_too_low_is_told(limit: int | None, sentence: str | None) -> None:
    """What the account allows is compared with what the environment is meant to have."""
    found = too_little(_account(limit), {"concurrency_target": "1000"})

    assert found == (() if sentence is None else (sentence,))
