"""What the command says when it is stopped at once, when the disk is full, and when it fails itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SLOW_LIBRARY = """
import pathlib, time
pathlib.Path(__file__).with_name("reached").touch()
for _ in range(600):
    time.sleep(0.1)
"""
_STOPPED = "error: stopped by Ctrl-C\nnext:  run the same command again to finish it\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_while_it_starts_is_a_sentence(tmp_path: Path, number: int) -> None:
    """While the libraries are still being loaded, there is no traceback either."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text(_SLOW_LIBRARY)
    reached = tmp_path / "rich" / "reached"
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "status"],
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 60
        while not reached.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)

    assert (process.returncode, stderr) == (130, _STOPPED)


def _failing(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of which only this is known: it does that."""
    program = (
        f"import errno, os\nfrom pipeline.cli.console import run\ndef command():\n    {code}\nrun(command)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        env=os.environ | {"TOLLGATE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_full_disk_is_no_fault_of_ours(tmp_path: Path) -> None:
    """Wherever it was full: the sentence says so, and nobody is asked to report it."""
    failed = _failing("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", tmp_path)

    assert failed.returncode == 1
    assert failed.stderr == (
        "error: the disk cannot be written: No space left on device\n"
        "next:  what was recorded is kept; free space, then run the same command again\n"
    )


def test_a_fault_of_ours_is_kept_whole(tmp_path: Path) -> None:
    """One sentence, and the file that has the rest."""
    failed = _failing("1 / 0", tmp_path)

    kept = tmp_path / "logs" / "internal-error.txt"
    assert failed.returncode == 1
    assert failed.stderr == (
        "error: Tollgate itself failed: ZeroDivisionError: division by zero\n"
        f"next:  what was recorded is kept; please report it with {kept}\n"
    )
    assert "Traceback" in kept.read_text()


def test_a_fault_of_ours_is_told_where_it_cannot_be_kept(tmp_path: Path) -> None:
    """Where there is no room for the file, the rest stands above the sentence, and the sentence is still said."""
    home = tmp_path / "home"
    home.write_text("in the way")
    failed = _failing("1 / 0", home)

    assert failed.returncode == 1
    assert failed.stderr.startswith("Traceback")
    assert "error: Tollgate itself failed: ZeroDivisionError: division by zero\n" in failed.stderr
    assert "please report it with the lines above (the folder " in failed.stderr
