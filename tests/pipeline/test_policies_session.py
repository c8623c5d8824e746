"""`nox -s policies -- DIR` as a whole: its exit status and its last line are those of the verdict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = _ROOT / ".nox" / "policies" / "bin" / "python"
_SESSION = f"""
import sys
sys.path.insert(0, {str(_ROOT)!r})
import noxfile
noxfile._environment = lambda *_, **__: None  # what this test runs in is there already, and stays as it is
"""


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three real stacks."""
    if not _PYTHON.exists():
        pytest.skip("no environment has checkov: `nox -s policies -- DIR` makes one")
    out = tmp_path_factory.mktemp("synthesized") / "out"
    subprocess.run(
        [sys.executable, "-m", "infra.main", "--out", out],
        cwd=_ROOT,
        check=True,
        timeout=300,
        capture_output=True,
    )
    return out


def _judge(directory: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the session over a directory, both streams as a terminal would show them."""
    (folder / "noxfile.py").write_text(_SESSION, encoding="utf-8")
    command = [sys.executable, "-m", "nox", "--noxfile", str(folder / "noxfile.py"), "--session", "policies"]
    return subprocess.run(
        [*command, "--", str(directory)],
        cwd=_ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )


def _weaker(stacks: Path, folder: Path) -> Path:
    """Copy dev's stack, with too little memory for its function."""
    document = json.loads((stacks / "stacks" / "payments-dev" / "cdk.tf.json").read_text(encoding="utf-8"))
    next(iter(document["resource"]["aws_lambda_function"].values()))["memory_size"] = 128
    (folder / "payments-dev").mkdir(parents=True)
    (folder / "payments-dev" / "cdk.tf.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    return folder


def test_status_and_last_line_are_those_of_the_verdict(stacks: Path, tmp_path: Path) -> None:
    """A script can tell clean, refused and not judged apart, and so can who reads the end of the output."""
    (tmp_path / "empty").mkdir()
    judged = {
        "CLEAN: the release; ": (0, stacks),
        "REFUSED: 1 stack, not a whole release; 1 finding, ": (1, _weaker(stacks, tmp_path / "weaker")),
        "COULD NOT BE JUDGED, therefore refused: 1 fault above.": (2, tmp_path / "empty"),
    }
    for last, (status, directory) in judged.items():
        run = _judge(directory, tmp_path)

        lines = [line for line in run.stdout.splitlines() if "was successful" not in line]
        assert (run.returncode, lines[-1][: len(last)]) == (status, last), run.stdout
