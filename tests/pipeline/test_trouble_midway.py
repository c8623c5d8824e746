"""What is around a promotion fails in the middle of it: one sentence, a non-zero exit, and a next run that goes on.

A program that stands in for Terraform makes the trouble at the moment of the apply, then becomes the real one.
"""

import itertools
import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.deploy.terraform_binary import find_terraform
from pipeline.model.kinds import Kind, Outcome
from pipeline.model.release import stack_title
from pipeline.stores.releases import ReleaseStore
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform
_values = (f"value {number}" for number in itertools.count())
_EXPIRED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
    b"<Message>The security token included in the request is expired</Message></Error></ErrorResponse>"
)
_REFUSES = """#!/bin/sh
test ! -e refuse || { echo "nobody may push today" >&2; exit 1; }
"""


@pytest.fixture
def changed(tiny: TinyProject) -> TinyProject:
    """The tiny project with a release in dev and a new one to promote."""
    if not tiny.entries():
        tiny.succeed("promote", "--to", "dev")
    tiny.write("value.txt", next(_values))
    return tiny


class _Terraform:
    """A Terraform that first does something else, once, when it is to apply."""

    def __init__(self, folder: Path, trouble: str) -> None:
        self._program = folder / "terraform"
        real = shlex.join(find_terraform().argv)
        once = shlex.quote(str(folder / "happened"))
        self._program.write_text(
            f'#!/bin/sh\nif [ "$1" = apply ] && [ ! -e {once} ]; then touch {once}; {trouble}; fi\n'
            f'exec {real} "$@"\n'
        )
        self._program.chmod(0o755)

    @property
    def variables(self) -> dict[str, str]:
        """With which Tollgate uses it."""
        return {"TOLLGATE_TERRAFORM": str(self._program)}


def _assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The run failed with a sentence that holds every part, what to do next, and no traceback."""
    assert result.returncode != 0, result.stderr
    assert "Traceback" not in result.stderr
    assert "Tollgate itself failed" not in result.stderr
    assert "error: " in result.stderr
    assert "next:  " in result.stderr
    said = " ".join(result.stderr.split())
    for part in parts:
        assert part in said, result.stderr


def _new(project: TinyProject, before: int, kind: Kind) -> list[str]:
    """What became of entries of a kind since: their outcomes, or just the kind."""
    return [
        str(entry.body.get("outcome", kind)) for entry in project.entries()[before:] if entry.kind is kind
    ]


def test_the_account_is_gone_in_the_middle_of_an_apply(changed: TinyProject, tmp_path: Path) -> None:
    """Nobody waits for what is dead; the instance is degraded, and going forward again starts the account."""
    rows = json.loads(changed.succeed("cloud", "status", "--json"))
    (pid,) = [row["pid"] for row in rows if row["environment"] == "dev"]
    terraform = _Terraform(tmp_path, f"kill -9 {int(pid)}")

    result = changed.tollgate("promote", "--to", "dev", **terraform.variables)

    _assert_one_sentence(result, "nox -s recover -- dev")
    assert changed.status()["dev"]["state"] == "degraded"
    changed.succeed("recover", "dev")
    assert changed.status()["dev"]["state"] == "deployed"


def test_the_credentials_expire_between_plan_and_apply(
    changed: TinyProject, tmp_path: Path, expired: str
) -> None:
    """AWS's own word for it is said; with new credentials going forward again carries the release."""
    serial = changed.serial("dev")
    terraform = _Terraform(tmp_path, f"export AWS_ENDPOINT_URL={expired}")

    result = changed.tollgate("promote", "--to", "dev", **terraform.variables)

    _assert_one_sentence(result, "ExpiredToken", "nox -s recover -- dev")
    assert changed.serial("dev") == serial
    changed.succeed("recover", "dev")
    assert changed.status()["dev"]["state"] == "deployed"


@pytest.fixture
def expired() -> Iterator[str]:
    """An endpoint that says of every call that its credentials have expired."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(_EXPIRED)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(_EXPIRED)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_disk_is_full_when_the_end_is_recorded(
    tmp_path_factory: pytest.TempPathFactory, small_disk: Path
) -> None:
    """What was applied is not applied again: with room for the ledger, the next run records how it ended."""
    grown = subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=False)
    if grown.returncode != 0:
        pytest.skip("the small disk cannot be made larger here")
    folder = tmp_path_factory.mktemp("full")
    project = TinyProject.make(folder)
    try:
        project.succeed("promote", "--to", "dev")
        shutil.move(project.home / "ledger.git", small_disk / "ledger.git")
        (project.home / "ledger.git").symlink_to(small_disk / "ledger.git")
        project.write("value.txt", next(_values))
        before, serial = len(project.entries()), project.serial("dev")
        terraform = _Terraform(folder, f"dd if=/dev/zero of={small_disk / 'fill'} bs=4096 2>/dev/null")

        result = project.tollgate("promote", "--to", "dev", **terraform.variables)

        _assert_one_sentence(result, "ledger", "No space left on device")
        (small_disk / "fill").unlink()
        assert _new(project, before, Kind.END) == []
        project.succeed("promote", "--to", "dev")
        assert _new(project, before, Kind.END) == [Outcome.SUCCEEDED]
        assert _new(project, before, Kind.START) == [Kind.START]
        assert project.serial("dev") == serial + 1
    finally:
        project.close()


def test_a_remote_of_the_ledger_that_refuses_stops_before_and_after_the_apply(
    changed: TinyProject, tmp_path: Path
) -> None:
    """Nothing is applied that cannot be recorded; what was applied before it refused is recorded by the next run."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_REFUSES)
    hook.chmod(0o755)
    where = {"TOLLGATE_LEDGER_REMOTE": str(remote)}
    before, serial = len(changed.entries()), changed.serial("dev")

    (remote / "refuse").touch()
    first = changed.tollgate("promote", "--to", "dev", **where)
    _assert_one_sentence(first, "did not take an entry", "nobody may push today")
    assert changed.serial("dev") == serial

    (remote / "refuse").unlink()
    terraform = _Terraform(tmp_path, f"touch {remote / 'refuse'}")
    second = changed.tollgate("promote", "--to", "dev", **where, **terraform.variables)
    _assert_one_sentence(second, "did not take an entry")
    assert changed.serial("dev") == serial + 1

    (remote / "refuse").unlink()
    changed.succeed("promote", "--to", "dev", **where)
    assert _new(changed, before, Kind.END) == [Outcome.SUCCEEDED]
    assert _new(changed, before, Kind.START) == [Kind.START]
    assert changed.serial("dev") == serial + 1

    remote.rename(tmp_path / "away.git")
    changed.write("value.txt", next(_values))
    third = changed.tollgate("promote", "--to", "dev", **where)
    _assert_one_sentence(third, "cannot be read")
    assert changed.serial("dev") == serial + 1


def test_a_release_that_lost_a_file_is_not_applied_and_a_build_brings_it_back(changed: TinyProject) -> None:
    """An approval does not apply a damaged release; the same build repairs it, and the approval still counts."""
    changed.succeed("promote")
    release = next(entry for entry in reversed(changed.entries()) if entry.kind is Kind.SHOWN).body["release"]
    store = ReleaseStore(changed.home / "releases")
    blob = store.load(release).layer(stack_title("prod")).digest.removeprefix("sha256:")
    (changed.home / "releases" / "blobs" / "sha256" / blob).unlink()

    result = changed.tollgate("approve", "prod", "--reason", "as shown", "--go")

    _assert_one_sentence(result, "release", "nox -s build")
    changed.succeed("build")
    changed.succeed("promote")
    assert changed.status()["prod"]["state"] == "deployed"


def _clock(folder: Path, hours: int) -> str:
    """Return the PYTHONPATH under which the clock is off by that much."""
    (folder / "sitecustomize.py").write_text(
        "import datetime as module\n"
        "class Moved(module.datetime):\n"
        "    @classmethod\n"
        "    def now(cls, tz=None):\n"
        f"        return super().now(tz) + module.timedelta(hours={hours})\n"
        "module.datetime = Moved\n"
    )
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def test_a_clock_that_is_ahead_writes_nothing(changed: TinyProject, tmp_path: Path) -> None:
    """A second clock, the account's, is asked before the first entry; with the right one the run goes on."""
    before = changed.entries()

    result = changed.tollgate("promote", "--to", "dev", PYTHONPATH=_clock(tmp_path, 3))

    assert result.returncode != 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "error: this machine's clock says" in said
    assert ", but at the account it is" in said
    assert "next: nothing was written; set the clock, then run again" in said
    assert changed.entries() == before
    changed.succeed("promote", "--to", "dev")


def test_a_person_goes_on_after_an_entry_of_the_future(changed: TinyProject, tmp_path: Path) -> None:
    """Where no account could be asked, an entry of the future stops everything until a person says so on record."""
    refused = changed.tollgate("clock", "--reason", "in vain")
    assert refused.returncode == 3
    assert "the ledger's newest entry is not ahead of this machine's clock" in " ".join(
        refused.stderr.split()
    )
    changed.succeed("cloud", "down")
    changed.succeed("hold", "dev", "--reason", "by a laptop", PYTHONPATH=_clock(tmp_path, 24 * 400))
    stopped = changed.tollgate("unhold", "dev", "--reason", "by another")
    assert stopped.returncode != 0
    said = " ".join(stopped.stderr.split())
    assert "this machine's clock is behind the ledger's newest entry" in said
    assert "next: set the clock, then run again; where it is right, `nox -s clock" in said
    changed.succeed("cloud", "up")
    wrong = changed.tollgate("clock", "--reason", "in vain", PYTHONPATH=_clock(tmp_path, 24))
    assert "error: this machine's clock is wrong: at the account it is" in " ".join(wrong.stderr.split())

    printed = changed.succeed("clock", "--reason", "a laptop's battery died")

    entry = changed.entries()[-1]
    sentence = f"counts no more; the ledger goes on at {entry.at} (entry {entry.number})"
    assert sentence in " ".join(printed.split())
    assert (entry.kind, entry.body["reason"]) == (Kind.CLOCK, "a laptop's battery died")
    changed.succeed("unhold", "dev", "--reason", "it works again")
    changed.succeed("promote", "--to", "dev")
    changed.succeed("verify")


def test_a_clock_that_went_back_stops_everything(changed: TinyProject, tmp_path: Path) -> None:
    """With a clock behind the newest entry nobody can tell what has expired; with the right one the run goes on."""
    path = _clock(tmp_path, -3)
    changed.killed_at("verified", "promote", "--to", "dev")
    before = len(changed.entries())

    result = changed.tollgate("promote", "--to", "dev", PYTHONPATH=path)

    assert result.returncode != 0, result.stderr
    said = " ".join((result.stdout + result.stderr).split())
    assert "this machine's clock is behind the ledger's newest entry" in said
    assert "set the clock, then run again" in said
    assert changed.entries()[before:] == ()
    changed.succeed("promote", "--to", "dev")
