"""The command line: all stacks or none, the same bytes everywhere, one sentence when it cannot."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra import main as module
from infra.environments import ENVIRONMENTS
from infra.errors import InfraError
from infra.main import main, write_whole
from tests.infra.synthesis import Stack

ROOT = Path(__file__).resolve().parents[2]


def content(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def stack(folder: Path, text: str) -> None:
    """What cdktf writes, with one stack."""
    (folder / "stacks" / "one").mkdir(parents=True)
    (folder / "stacks" / "one" / "cdk.tf.json").write_text(text)
    (folder / "manifest.json").write_text("{}")


def test_writes_a_stack_for_each_environment_and_nothing_else(synthesized: Path) -> None:
    """The directory holds one file for each environment."""
    assert set(content(synthesized)) == {f"stacks/payments-{name}/cdk.tf.json" for name in ENVIRONMENTS}


def test_writes_the_accounts_stacks(tmp_path: Path) -> None:
    """Asked for, the directory holds what each account has once."""
    assert main(["--bootstrap", "--out", str(tmp_path / "out")]) == 0

    assert set(content(tmp_path / "out")) == {f"stacks/bootstrap-{name}/cdk.tf.json" for name in ENVIRONMENTS}


def test_writes_one_environment_when_asked(synthesized: Path, tmp_path: Path) -> None:
    """One environment alone is the same as among the others."""
    assert main(["--environment", "staging", "--out", str(tmp_path / "out")]) == 0

    path = "stacks/payments-staging/cdk.tf.json"
    assert content(tmp_path / "out") == {path: content(synthesized)[path]}


@pytest.mark.parametrize("bootstrap", [[], ["--bootstrap"]])
def test_unknown_environment_is_refused_before_anything_is_written(
    tmp_path: Path, bootstrap: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An environment that does not exist is refused with those that do, and nothing is written."""
    assert main([*bootstrap, "--environment", "nowhere", "--out", str(tmp_path / "deep" / "out")]) == 2
    assert capsys.readouterr().err == (
        f"error: environment is 'nowhere', expected one of {', '.join(ENVIRONMENTS)}\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "surroundings",
    [
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "USER": "somebody", "HOME": "/nonexistent"},
        {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7", "COLUMNS": "20"},
        {
            "CDKTF_CONTEXT_JSON": '{"excludeStackIdFromLogicalIds": "true"}',
            "CDKTF_OUTDIR": "/nonexistent",
            "JSII_DEBUG": "1",
            "JSII_NODE": "/nonexistent",
            "NODE_OPTIONS": "--no-such-option",
            "SYNTH_HCL_OUTPUT": "true",
        },
    ],
)
def test_same_bytes_wherever_it_runs(
    synthesized: Path, tmp_path: Path, surroundings: Mapping[str, str]
) -> None:
    """Folder, umask, time zone, locale, user and foreign variables change no byte, and nothing is said."""
    (tmp_path / "cdktf.json").write_text('{"context": {"excludeStackIdFromLogicalIds": "true"}}')
    made = subprocess.run(
        [sys.executable, "-m", "infra.main", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **surroundings},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        umask=0o077,
    )

    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert content(tmp_path / "out") == content(synthesized)


def test_no_path_of_this_machine_is_in_a_stack(synthesized: Path) -> None:
    """Nothing says where it was made."""
    for text in content(synthesized).values():
        for path in (ROOT, Path.home(), synthesized):
            assert str(path).encode() not in text or str(path) == "/"


def test_backend_is_empty(stacks: dict[str, Stack]) -> None:
    """The state's place is given to `terraform init`, not written down."""
    for each in stacks.values():
        assert each["terraform"]["backend"] == {"s3": {}}


def test_provider_is_pinned_and_fully_qualified(stacks: dict[str, Stack]) -> None:
    """Terraform and OpenTofu find the same provider, in one version."""
    for each in stacks.values():
        assert each["terraform"]["required_providers"] == {
            "aws": {"source": "registry.terraform.io/hashicorp/aws", "version": "5.100.0"}
        }
        assert "required_version" not in each["terraform"]


def test_account_has_no_default(stacks: dict[str, Stack], bootstraps: dict[str, Stack]) -> None:
    """The account comes from the target; the provider refuses any other."""
    for each in (*stacks.values(), *bootstraps.values()):
        assert "default" not in each["variable"]["account_id"]
        assert each["provider"]["aws"][0]["allowed_account_ids"] == ["${var.account_id}"]


def test_suffix_defaults_to_the_environment(stacks: dict[str, Stack]) -> None:
    """Without a suffix, the instance is the environment's main one; without a release, it says so."""
    for name, each in stacks.items():
        assert each["variable"]["environment_suffix"]["default"] == name
        assert each["variable"]["release"]["default"] == "unreleased"


def test_outputs_are_plain(stacks: dict[str, Stack]) -> None:
    """What the pipeline reads back is there, and none of it is secret."""
    for each in stacks.values():
        assert set(each["output"]) == {
            "api_key_id",
            "api_url",
            "function_name",
            "receipts_bucket_name",
            "rest_api_id",
            "stage_name",
            "transaction_log_bucket_name",
            "transactions_table_name",
        }
        assert not [output for output in each["output"].values() if output.get("sensitive")]


def test_earlier_synth_is_replaced(tmp_path: Path) -> None:
    """Writing again replaces what was there, whole."""
    out = tmp_path / "deep" / "out"
    write_whole(out, lambda folder: stack(folder, "old"))
    (out / "stacks" / "gone").mkdir()
    (out / "stacks" / "gone" / "cdk.tf.json").write_text("gone")

    write_whole(out, lambda folder: stack(folder, "new"))

    assert content(out) == {"stacks/one/cdk.tf.json": b"new"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """A synth that fails half-way changes nothing and leaves nothing behind."""
    out = tmp_path / "out"
    write_whole(out, lambda folder: stack(folder, "old"))

    def fail(folder: Path) -> None:
        stack(folder, "half")
        raise InfraError("no")

    with pytest.raises(InfraError, match="no"):
        write_whole(out, fail)

    assert content(out) == {"stacks/one/cdk.tf.json": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_interrupted_synth_leaves_what_was_there(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Who presses Ctrl-C in the middle is told so in a word, and keeps the earlier synth."""
    out, scratch = tmp_path / "out", tmp_path_factory.mktemp("scratch")
    write_whole(out, lambda folder: stack(folder, "old"))
    with subprocess.Popen(
        [sys.executable, "-m", "infra.main", "--out", out],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while not list(scratch.glob("jsii-kernel-*")):  # from then on there is something to tidy up
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: Node.js hears it too
        _, told = running.communicate(timeout=60)

    assert running.returncode == 130
    assert told == "error: interrupted\n"
    assert content(out) == {"stacks/one/cdk.tf.json": b"old"}
    assert [path.name for path in (*tmp_path.iterdir(), *scratch.iterdir())] == ["out"]


def test_interrupt_between_the_two_renames_keeps_the_earlier_synth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier synth is put back when the new one does not take its place."""
    out = tmp_path / "out"
    write_whole(out, lambda folder: stack(folder, "old"))
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "fresh":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(out, lambda folder: stack(folder, "new"))

    assert content(out) == {"stacks/one/cdk.tf.json": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["notes.txt", "stacks/one/notes.txt", "stacks/cdk.tf.json"])
def test_directory_of_somebody_else_is_refused(
    tmp_path: Path, foreign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory that holds what no synth wrote is left alone, and the user is told which file."""
    path = tmp_path / "out" / foreign
    path.parent.mkdir(parents=True)
    path.write_text("mine")

    assert main(["--out", str(tmp_path / "out")]) == 2
    assert path.read_text() == "mine"
    told = capsys.readouterr().err
    assert foreign in told
    assert "hint: choose another directory" in told


def test_file_in_the_way_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the directory should be is refused in one sentence."""
    (tmp_path / "out").write_text("")

    assert main(["--out", str(tmp_path / "out")]) == 2
    assert "is no directory" in capsys.readouterr().err


def test_place_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A place nobody can write to is refused in one sentence."""
    assert main(["--out", "/proc/nowhere/out"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_missing_openapi_document_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the API's document nothing is written, and the hint says how to get it."""
    monkeypatch.setattr(module, "OPENAPI", tmp_path / "openapi.json")

    assert main(["--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "error: openapi.json is missing, expected the OpenAPI document of the API\n"
        "hint: write it with `python -m payments.openapi`\n"
    )
    assert not list(tmp_path.iterdir())


def test_document_that_cannot_be_read_is_not_taken_for_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong while the stacks were made is told as it is, not as a place that cannot be written."""
    (tmp_path / "openapi.json").mkdir()
    monkeypatch.setattr(module, "OPENAPI", tmp_path / "openapi.json")

    assert main(["--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: openapi.json cannot be read: Is a directory\n"


def test_file_modes_are_plain(synthesized: Path) -> None:
    """Files can be read by everybody and run by nobody, unless the umask says less."""
    for path in synthesized.rglob("cdk.tf.json"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o111
        assert json.loads(path.read_text())
