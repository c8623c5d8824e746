"""Ctrl-C in a Nox session, which the shell sends to all of its programs: each stops by itself, and nothing is lost."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.deploy.terraform_binary import find_terraform
from tests.pipeline.tiny_project import REPOSITORY, TinyProject

_SESSION = """
import sys
import nox

sys.path.insert(0, {repository!r})
import noxfile

@nox.session(venv_backend="none")
def run(session: nox.Session) -> None:
    noxfile._run(session, sys.executable, *session.posargs)
"""
_SLOW_TO_STOP = """
import pathlib, signal, sys, time

folder = pathlib.Path(sys.argv[1])

def note(number, _):
    with (folder / "signals").open("a") as file:
        file.write(signal.Signals(number).name + " ")

signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGTERM, note)
(folder / "at-work").touch()
until = time.monotonic() + 120
while not (folder / "signals").exists() and time.monotonic() < until:
    time.sleep(0.05)
time.sleep(2)
(folder / "signals").open("a").write("end")
sys.exit(130)
"""
_TERRAFORM = """#!/bin/sh
case " $* " in *" apply "*)
    trap 'echo INT >> {folder}/signals' INT
    trap 'echo TERM >> {folder}/signals' TERM
    touch {folder}/at-work
    while [ ! -e {folder}/signals ]; do sleep 0.1; done
    sleep 2
esac
exec {real} "$@"
"""
"""Interrupted in its apply it finishes what is at hand and saves its state, as the real one does."""


def _interrupted(tmp_path: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a Nox session and interrupt both as a shell does, once a file says that they are at work."""
    session = tmp_path / "noxfile.py"
    session.write_text(_SESSION.format(repository=str(REPOSITORY)))
    command = [sys.executable, "-m", "nox", "--noxfile", str(session), "--session", "run", "--", *arguments]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | extra,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as nox:
        until = time.monotonic() + 200
        while not (tmp_path / "at-work").exists() and nox.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(nox.pid, signal.SIGINT)
        stdout, stderr = nox.communicate(timeout=120)
    return subprocess.CompletedProcess(command, nox.returncode, stdout, stderr)


def test_a_session_waits_for_what_it_runs(tmp_path: Path) -> None:
    """A program that takes its time to stop is neither interrupted a second time nor killed."""
    ended = _interrupted(tmp_path, "-c", _SLOW_TO_STOP, str(tmp_path))

    assert (tmp_path / "signals").read_text() == "SIGINT end"
    assert ended.returncode == 130


@pytest.mark.terraform
def test_an_interrupted_apply_is_stopped_gently_and_finished_by_the_next_run(
    tiny: TinyProject, tmp_path: Path
) -> None:
    """Terraform is asked once and saves its state; one sentence says how to go on, and nothing is applied twice."""
    tiny.succeed("promote", "--to", "dev")
    tiny.write("value.txt", "another")
    serial = tiny.serial("dev")
    terraform = tmp_path / "terraform"
    terraform.write_text(
        _TERRAFORM.format(folder=shlex.quote(str(tmp_path)), real=shlex.join(find_terraform().argv))
    )
    terraform.chmod(0o755)

    where = tiny.environment(TOLLGATE_TERRAFORM=str(terraform))
    ended = _interrupted(tmp_path, "-m", "pipeline", "promote", "--to", "dev", **where)

    assert (tmp_path / "signals").read_text() == "INT\n"
    assert "error: stopped by Ctrl-C during terraform apply" in ended.stderr
    assert "next:  run the same command again to finish it" in ended.stderr
    assert ended.returncode == 130
    tiny.succeed("promote", "--to", "dev")
    assert tiny.status()["dev"]["state"] == "deployed"
    assert tiny.serial("dev") == serial + 1
