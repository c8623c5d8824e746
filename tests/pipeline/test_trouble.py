"""Trouble around a promotion: one sentence, a non-zero exit, nothing lost, and the next run goes on."""

import contextlib
import itertools
import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.host import lock
from pipeline.model.release import stack_title
from pipeline.stores.releases import CorruptReleaseError, ReleaseStore
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def deployed(tiny: TinyProject) -> TinyProject:
    """The tiny project with a release in dev."""
    tiny.succeed("promote", "--to", "dev")
    return tiny


@pytest.fixture
def changed(deployed: TinyProject) -> Iterator[TinyProject]:
    """The tiny project with a new release to promote; whatever a test broke, the next promotion succeeds."""
    deployed.write("value.txt", next(_values))
    yield deployed
    deployed.succeed("promote", "--to", "dev")


def assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The run failed with a sentence that holds every part, what to do next, and no traceback."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "Tollgate itself failed" not in result.stderr
    assert "error: " in result.stderr
    assert "next:  " in result.stderr
    for part in parts:
        assert part in result.stderr, result.stderr


def test_no_terraform_is_said(changed: TinyProject) -> None:
    """Where the settings want a Terraform on PATH and there is none, the message names the setting."""
    result = changed.tollgate("promote", "--to", "dev", TOLLGATE_TERRAFORM="path", PATH="/usr/bin:/bin")

    assert_one_sentence(result, "there is no Terraform: not on PATH", "TOLLGATE_TERRAFORM")


def test_a_terraform_that_is_too_old_is_said(changed: TinyProject, tmp_path: Path) -> None:
    """A Terraform that cannot lock state in S3 is refused by its version."""
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n')
    program.chmod(0o755)
    result = changed.tollgate("promote", "--to", "dev", TOLLGATE_TERRAFORM=str(program))

    assert_one_sentence(result, "Terraform 1.5.7 is too old")


def test_a_state_of_a_newer_terraform_is_left_alone(changed: TinyProject) -> None:
    """A state that a newer Terraform wrote is not handed to this one."""
    account = changed.account("dev")
    s3, bucket, key = (
        account.client("s3"),
        f"tollgate-state-{account.account_id}",
        "dev/dev/terraform.tfstate",
    )
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    newer = body.replace(b'"terraform_version": "1.', b'"terraform_version": "99.')
    assert newer != body
    s3.put_object(Bucket=bucket, Key=key, Body=newer)
    try:
        result = changed.tollgate("promote", "--to", "dev")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=body)

    assert_one_sentence(result, "the state of dev was written by Terraform 99.")


def test_a_damaged_state_is_said(changed: TinyProject) -> None:
    """A state that is no state is named, with where an older one is."""
    account = changed.account("dev")
    s3, bucket, key = (
        account.client("s3"),
        f"tollgate-state-{account.account_id}",
        "dev/dev/terraform.tfstate",
    )
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=b"{")
    try:
        result = changed.tollgate("promote", "--to", "dev")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=body)

    assert_one_sentence(result, "the state of dev is damaged", "restore an older version")


def test_an_altered_release_is_never_deployed(changed: TinyProject) -> None:
    """A blob that no longer has its digest is found on the next read; a new build repairs the store."""
    digest = changed.succeed("build").strip()
    store = ReleaseStore(changed.home / "releases")
    blob = store.load(digest).layer(stack_title("dev")).digest
    path = changed.home / "releases" / "blobs" / "sha256" / blob.removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"terraform_data", b"terraform_dada"))
    with pytest.raises(CorruptReleaseError, match="was altered"):
        store.load(digest)

    assert store.read(store.load(changed.succeed("build").strip()), stack_title("dev"))


def test_a_damaged_ledger_stops_everything(changed: TinyProject) -> None:
    """When the ledger does not verify, nothing is promoted and the message says so."""
    head = changed.home / "ledger.git" / "refs" / "heads" / "tollgate-ledger"
    kept = head.read_text()
    tree = subprocess.run(
        ["git", f"--git-dir={changed.home / 'ledger.git'}", "mktree"],
        input=b"",
        capture_output=True,
        check=True,
    ).stdout.decode()
    commit = subprocess.run(
        [
            "git",
            f"--git-dir={changed.home / 'ledger.git'}",
            "-c",
            "user.name=x",
            "-c",
            "user.email=x",
            "commit-tree",
            tree.strip(),
            "-p",
            kept.strip(),
            "-m",
            "an entry without an entry",
        ],
        capture_output=True,
        check=True,
    ).stdout.decode()
    head.write_text(commit)
    try:
        result = changed.tollgate("promote", "--to", "dev")
    finally:
        head.write_text(kept)

    assert_one_sentence(result, "the ledger does not verify")


def test_a_dead_account_is_started_again(changed: TinyProject) -> None:
    """An emulated account that was killed is started by the next promotion, which says what it found and goes on."""
    (status,) = [row for row in _cloud(changed) if row["environment"] == "dev"]
    pid = int(str(status["pid"]))
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process for process in [_process(pid)] if process], timeout=120)

    result = changed.tollgate("promote", "--to", "dev")

    assert result.returncode == 0, result.stderr
    assert "starting the local accounts of dev" in result.stderr


def test_what_a_dead_account_may_have_lost_is_looked_for_whatever_came_between(deployed: TinyProject) -> None:
    """Other commands started and stopped the accounts since: the next promotion still asks, and then no more."""
    deployed.succeed("promote", "--to", "dev")
    (status,) = [row for row in _cloud(deployed) if row["environment"] == "dev"]
    pid = int(str(status["pid"]))
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process for process in [_process(pid)] if process], timeout=120)
    for verb in ("up", "down"):
        deployed.succeed("cloud", verb)

    preview = deployed.tollgate("promote", "--suffix", "pr-9")
    asked = deployed.tollgate("promote", "--to", "dev")
    again = deployed.tollgate("promote", "--to", "dev")

    assert preview.returncode == asked.returncode == again.returncode == 0, asked.stderr
    assert "plan" in asked.stderr
    assert "runs " not in asked.stderr
    assert "already" in again.stderr
    deployed.succeed("destroy", "dev", "--suffix", "pr-9")


def test_who_holds_an_instance_is_said(changed: TinyProject) -> None:
    """While another process holds the instance, the message names it, and nothing is written."""
    before = len(changed.entries())
    with lock.hold(changed.home / "locks" / "local.dev.lock", "promoting something else"):
        row = changed.status()["dev"]
        result = changed.tollgate("promote", "--to", "dev")

    assert_one_sentence(result, "dev is held: held by", f"process {os.getpid()}", "promoting something else")
    assert "promoting something else" in row["at_work"]
    assert not [entry for entry in changed.entries()[before:] if entry.kind.value == "start"]


def test_a_home_that_cannot_be_used_is_said(deployed: TinyProject, tmp_path: Path) -> None:
    """A home that is a file is refused in a sentence."""
    (tmp_path / "file").write_text("")
    result = deployed.tollgate("status", TOLLGATE_HOME=str(tmp_path / "file"))

    assert_one_sentence(result, "cannot be used", "TOLLGATE_HOME")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is small enough to fill")
def test_a_full_disk_loses_nothing(deployed: TinyProject, tmp_path: Path) -> None:
    """On a full disk the build ends with a sentence; with room again the same build succeeds."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    try:
        _fill_but(disk, 5 * 4096)  # enough for synthesis, not for the store
        full = deployed.tollgate("build", TOLLGATE_HOME=str(disk / "home"))
        (disk / "fill").unlink()
        again = deployed.tollgate("build", TOLLGATE_HOME=str(disk / "home"))
    finally:
        subprocess.run(["umount", str(disk)], check=False)

    assert_one_sentence(full, "No space left on device")
    assert again.returncode == 0


def test_what_is_private_is_readable_by_its_owner_only(deployed: TinyProject) -> None:
    """The home is mode 0700, so plans, states and keys below it are nobody else's."""
    assert stat.S_IMODE(deployed.home.stat().st_mode) == 0o700


def _fill_but(disk: Path, free_bytes: int) -> None:
    """Fill a disk until only so much is free."""
    with (disk / "fill").open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        file.truncate(file.tell() - free_bytes)


def _cloud(project: TinyProject) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(project.succeed("cloud", "status", "--json"))
    return rows


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
