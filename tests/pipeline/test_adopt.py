"""What an apply made that no state knows: read from its log, imported by the right id, and nothing else."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.deploy.adopt import adopt, adoption_stack
from pipeline.deploy.apply_log import ApplyLogs
from pipeline.deploy.import_ids import import_id
from pipeline.deploy.terraform_binary import TerraformBinary
from pipeline.deploy.workspace import (
    LOCK_FILE,
    STACK_FILE,
    Event,
    ExistsAlreadyError,
    TerraformError,
    Workspace,
    open_workspace,
)
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

_RELEASE = "sha256:" + "1" * 64
_STACK = {
    "resource": {
        "aws_s3_bucket": {"it": {"bucket": "b", "lifecycle": {"prevent_destroy": False}}},
        "aws_api_gateway_resource": {"it": {"rest_api_id": "${aws_api_gateway_rest_api.it.id}"}},
    }
}
_BUCKET, _PATH = "aws_s3_bucket.it", "aws_api_gateway_resource.it"


def _line(address: str, found: str, action: str = "create", kind: str = "apply_complete") -> str:
    resource = {"addr": address, "implied_provider": "terraform" if "terraform_data" in address else "aws"}
    hook = {"resource": resource, "action": action, "id_key": "id", "id_value": found}
    return json.dumps({"type": kind, "hook": hook}) + "\n"


# --- the log


def test_a_log_tells_what_was_made_and_what_was_removed(tmp_path: Path) -> None:
    """Only completed creations of real resources count; of two of one address the later one is there."""
    logs = ApplyLogs(tmp_path / "dev")
    log = logs.begin(_RELEASE)
    with log.path.open("a") as file:
        file.write("not JSON\n[]\n" + json.dumps({"type": "version"}) + "\n")
        file.write(_line("aws_s3_bucket.a", "old") + _line("aws_s3_bucket.a", "old", "delete"))
        file.write(_line("aws_s3_bucket.a", "new") + _line("terraform_data.t", "t"))
        file.write(
            _line("aws_s3_bucket.b", "b", "update") + _line("aws_s3_bucket.c", "c", kind="apply_start")
        )
        file.write(_line("aws_s3_bucket.d", "d")[:60])

    (found,) = logs.unfinished()

    assert found.release == _RELEASE
    assert found.made == {"aws_s3_bucket.a": "new"}
    assert found.removed == {"aws_s3_bucket.a"}
    found.discard()
    assert logs.unfinished() == ()


class _Note:
    """A note beside the state, in memory."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.puts = 0

    def put(self, content: bytes) -> None:
        """Keep it."""
        self.content = content
        self.puts += 1

    def get(self) -> bytes | None:
        """Return it."""
        return self.content

    def remove(self) -> None:
        """Forget it."""
        self.content = None


def test_what_was_made_is_noted_for_other_machines(tmp_path: Path) -> None:
    """A machine without the log finds what was made, under which release, until the state was saved."""
    note = _Note()
    log = ApplyLogs(tmp_path / "here", note).begin(_RELEASE)
    log.note(json.loads(_line("aws_s3_bucket.a", "a")))
    log.note(json.loads(_line("aws_s3_bucket.b", "b", kind="apply_start")))
    log.note(json.loads(_line("aws_s3_bucket.c", "c", "update")))
    log.note(json.loads(_line("aws_s3_bucket.d", "d")))

    (found,) = ApplyLogs(tmp_path / "elsewhere", note).unfinished()

    assert (found.release, dict(found.made)) == (
        _RELEASE,
        {"aws_s3_bucket.a": "a", "aws_s3_bucket.d": "d"},
    )
    assert note.puts == 2, "what was updated is no news"
    log.discard()
    assert ApplyLogs(tmp_path / "here", note).unfinished() == ()


def test_a_log_of_nobody_tells_nothing(tmp_path: Path) -> None:
    """A file that does not begin as ours names no release."""
    (tmp_path / "1.jsonl").write_text(_line("aws_s3_bucket.a", "a"))

    assert [log.release for log in ApplyLogs(tmp_path).unfinished()] == [None]


def test_a_log_that_cannot_be_begun_is_said(tmp_path: Path) -> None:
    """Where nothing could be kept, nothing is applied."""
    (tmp_path / "file").write_text("")

    with pytest.raises(TollgateError, match="cannot be made"):
        ApplyLogs(tmp_path / "file" / "dev").begin(_RELEASE)


# --- ids


@pytest.mark.parametrize(
    ("kind", "arguments", "logged", "expected"),
    [
        ("aws_s3_bucket", {"bucket": "b"}, "b", "b"),
        ("aws_api_gateway_resource", {"rest_api_id": "${a.b.id}"}, "r1", "${a.b.id}/r1"),
        ("aws_lambda_permission", {"function_name": "f", "statement_id": "s"}, "s", "f/s"),
        (
            "aws_lambda_permission",
            {"function_name": "f", "qualifier": "live", "statement_id": "s"},
            "s",
            "f:live/s",
        ),
        ("aws_cloudwatch_dashboard", {}, "a${b}%{c}", "a$${b}%%{c}"),
    ],
)
def test_an_import_id_is_what_the_provider_asks_for(
    kind: str, arguments: dict[str, Any], logged: str, expected: str
) -> None:
    """The logged id, or one put together from the arguments; nothing in a logged id is evaluated."""
    assert import_id(kind, arguments, logged) == expected


def test_the_stack_for_taking_over_imports_and_changes_nothing() -> None:
    """Each known resource gets an import and ignores every change; what the stack does not know is left out."""
    made = {_BUCKET: "b", _PATH: "r1", "aws_s3_bucket.gone": "x", "module.m.aws_s3_bucket.it": "y"}
    whole, taken = adoption_stack(json.dumps(_STACK).encode(), made)
    stack = json.loads(whole)

    assert taken == (_BUCKET, _PATH)
    assert stack["import"] == [
        {"to": _BUCKET, "id": "b"},
        {"to": _PATH, "id": "${aws_api_gateway_rest_api.it.id}/r1"},
    ]
    lifecycle = stack["resource"]["aws_s3_bucket"]["it"]["lifecycle"]
    assert lifecycle == {"prevent_destroy": False, "ignore_changes": "all"}


# --- taking over


class _Fake:
    """A workspace that answers each plan in turn: how many would be imported, or what Terraform objects to."""

    def __init__(self, *answers: dict[str, int] | list[str]) -> None:
        self.answers = list(answers)
        self.planned: list[Sequence[str]] = []
        self.forgot: list[str] = []
        self.applied = 0

    def plan(self, on_event: Callable[[Event], None], *, targets: Sequence[str]) -> bool:
        """Answer."""
        self.planned.append(targets)
        answer = self.answers.pop(0)
        if isinstance(answer, list):
            raise TerraformError("terraform plan", answer, "run again")
        nothing = {"add": 0, "change": 0, "import": 0, "remove": 0, "operation": "plan"}
        on_event({"type": "change_summary", "changes": nothing | answer})
        return True

    def forget(self, addresses: Sequence[str]) -> None:
        """Note it."""
        self.forgot += addresses

    def apply(self, _: Callable[[Event], None], __: Callable[[], None]) -> None:
        """Count."""
        self.applied += 1

    def open(self, _: bytes) -> AbstractContextManager[Workspace]:
        """Open it."""

        @contextmanager
        def opened() -> Iterator[Workspace]:
            yield cast("Workspace", self)

        return opened()


def _adopt(fake: _Fake, replaced: frozenset[str] = frozenset()) -> list[str]:
    said: list[str] = []
    made = {_BUCKET: "b", _PATH: "r1"}
    adopt(fake.open, json.dumps(_STACK).encode(), made, replaced, said.append)
    return said


def test_all_is_taken_over_at_once() -> None:
    """One plan, one apply, one sentence; an object that was replaced is forgotten first."""
    fake = _Fake({"import": 2})

    assert _adopt(fake, frozenset({_PATH})) == [
        f"took over what an interrupted run had made: {_BUCKET}, {_PATH}"
    ]
    assert (fake.planned, fake.forgot, fake.applied) == ([(_BUCKET, _PATH)], [_PATH], 1)


@pytest.mark.parametrize("problem", ["Cannot import non-existent remote object", "Unexpected format of ID"])
def test_what_is_not_there_any_more_is_left_out_and_said(problem: str) -> None:
    """Then it is made anew, or the provider says that it exists; the rest is taken over."""
    fake = _Fake([f'{problem}: an existing object to "{_BUCKET}"'], {"import": 1})

    assert _adopt(fake) == [
        f"took over what an interrupted run had made: {_PATH}",
        f"not found again of what an interrupted run had made: {_BUCKET}",
    ]
    assert (fake.planned, fake.applied) == ([(_BUCKET, _PATH), (_PATH,)], 1)


def test_a_part_of_what_is_gone_is_left_out_with_it() -> None:
    """An import whose id names an object that is not there any more cannot be told; it is left out in the next try."""
    gone = f'Cannot import non-existent remote object: an existing object to "{_BUCKET}"'
    part = "Invalid import id argument (import[0]): it cannot be determined until apply"
    fake = _Fake([gone], [part])

    assert _adopt(fake) == [f"not found again of what an interrupted run had made: {_BUCKET}, {_PATH}"]
    assert (fake.planned, fake.applied) == ([(_BUCKET, _PATH), (_PATH,)], 0)


def test_where_it_is_not_said_what_is_gone_nothing_is_taken_over() -> None:
    """A provider that names no address keeps nobody from going on: what is missing is made, what is there is named."""
    fake = _Fake(["couldn't find resource"])

    assert _adopt(fake) == [f"not found again of what an interrupted run had made: {_BUCKET}, {_PATH}"]
    assert fake.applied == 0


def test_nothing_is_taken_over_when_terraform_fails_otherwise() -> None:
    """A failure that may be gone at the next try is no reason to leave anything out."""
    fake = _Fake([f"connection refused ({_BUCKET})"])

    with pytest.raises(TerraformError, match="connection refused"):
        _adopt(fake)
    assert fake.applied == 0


@pytest.mark.parametrize("more", [{"add": 1}, {"change": 1}, {"remove": 1}, {"import": 1}])
def test_more_than_an_import_is_never_applied(more: dict[str, int]) -> None:
    """Taking over writes into the state and changes nothing in the cloud."""
    fake = _Fake({"import": 2} | more)

    with pytest.raises(TollgateError, match="would do more than that"):
        _adopt(fake)
    assert fake.applied == 0


# --- how long a log is kept


@pytest.mark.parametrize(
    ("ends", "kept"),
    [("exit 0", 0), ("exit 1", 0), ("touch errored.tfstate; exit 1", 1), ("kill -9 $$", 1)],
    ids=["done", "failed", "state not saved", "killed"],
)
def test_a_log_is_kept_until_the_state_is_saved(tmp_path: Path, ends: str, kept: int) -> None:
    """A Terraform that ended by itself and left no state behind has saved it."""
    logs = ApplyLogs(tmp_path / "logs")
    with _workspace(tmp_path, ends, logs) as workspace:
        try:
            workspace.apply(lambda _: None, lambda: None)
        except TerraformError:
            assert ends != "exit 0"

    assert len(logs.unfinished()) == kept
    assert [log.release for log in logs.unfinished()] == [_RELEASE] * kept


def test_what_stands_in_the_way_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A name that is taken is said in one sentence, with the address, before the provider's own words."""
    words = "EntityAlreadyExists: Role with name r already exists."
    event = {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": words, "address": "a.b"}}
    (tmp_path / "said").write_text(json.dumps(event) + "\n")
    with (
        _workspace(tmp_path, f"cat {tmp_path / 'said'}; exit 1") as workspace,
        pytest.raises(ExistsAlreadyError) as failed,
    ):
        workspace.apply(lambda _: None, lambda: None)

    assert failed.value.message.startswith("a.b exists already, and the state does not know it")
    assert "see that nobody else needs it and delete it" in failed.value.message
    assert words in failed.value.message


def _workspace(folder: Path, script: str, logs: ApplyLogs | None = None) -> AbstractContextManager[Workspace]:
    """Open a workspace of a Terraform that is a line of shell."""
    program = folder / "terraform"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (folder / "work").mkdir()
    return open_workspace(
        {STACK_FILE: b"{}", LOCK_FILE: b"# none\n"},
        name="dev",
        account=Account("local", "1" * 12, "ap-northeast-2", {}, lambda *_: ""),
        variables={"release": _RELEASE},
        terraform=TerraformBinary((str(program),), "1.11.4"),
        work=folder / "work",
        cache=folder / "cache",
        logs=logs,
    )
