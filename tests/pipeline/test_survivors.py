"""A Terraform that outlived its run is found by the state that it works on, wherever and by whom it was started."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.host.survivors import terraforms_at_work

_HERE = "http://127.0.0.1:1"
_STARTS_IT_AND_GOES = """
import subprocess, sys
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, **quiet)
print(child.pid, flush=True)
"""


@contextmanager
def _orphan(folder: Path, **environment: str) -> Iterator[int]:
    """A process without a living parent that works in a folder; it stands for Terraform."""
    started = subprocess.run(
        [sys.executable, "-c", _STARTS_IT_AND_GOES],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(started.stdout)
    try:
        yield pid
    finally:
        os.kill(pid, 9)


def _backend(folder: Path, content: object) -> None:
    (folder / ".terraform").mkdir()
    (folder / ".terraform" / "terraform.tfstate").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("more", "key", "endpoint", "found"),
    [
        ("", "dev/dev", _HERE, True),
        ("", "dev/pr-1", _HERE, False),
        ("-not", "dev/dev", _HERE, False),
        ("", "dev/dev", "http://127.0.0.1:2", False),
        ("", "dev/dev", None, False),
    ],
)
def test_it_is_found_by_its_state(
    tmp_path: Path, more: str, key: str, endpoint: str | None, found: bool
) -> None:
    """Bucket, key and account must be the same: another instance's Terraform is nobody's concern."""
    own = str(tmp_path)
    _backend(tmp_path, {"backend": {"config": {"bucket": own, "key": "dev/dev"}}})
    with _orphan(tmp_path, AWS_ENDPOINT_URL=_HERE) as pid:
        assert terraforms_at_work(own + more, key, endpoint) == ((pid,) if found else ())
    assert pid not in terraforms_at_work(own + more, key, endpoint)


def test_ours_is_no_survivor(tmp_path: Path) -> None:
    """What we started ourselves works for us."""
    _backend(tmp_path, {"backend": {"config": {"bucket": "states", "key": "own"}}})
    with subprocess.Popen(["sleep", "600"], cwd=tmp_path) as child:
        assert terraforms_at_work("states", "own", None) == ()
        child.kill()


@pytest.mark.parametrize("content", [[], {"backend": None}, {"backend": {"config": {}}}])
def test_a_folder_that_tells_nothing_is_passed_by(tmp_path: Path, content: object) -> None:
    """A process in a folder without a readable backend works on no state of ours."""
    _backend(tmp_path, content)
    with _orphan(tmp_path):
        assert terraforms_at_work("states", "dev/dev", None) == ()
