"""The steps in containers of a real engine: the same release, cached the second time, and words that help."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.ci.place import find_place
from pipeline.settings import load_project
from tests.engine.conftest import Run

pytestmark = pytest.mark.engine

_FAILS = """
[checks.unit]
command = ["{python}", "-c", "print('three is not four'); raise SystemExit(1)"]
inputs = ["tollgate.toml"]
"""


@dataclass(frozen=True)
class Promoted:
    """What one promotion to dev said, and how long it took to have the release."""

    said: str
    release: str
    seconds: float


@pytest.fixture(scope="module")
def promote(dagger: str, tollgate: Run) -> Run:
    """Promotes to dev with every step in containers."""

    def run() -> subprocess.CompletedProcess[str]:
        return tollgate("promote", "--to", "dev", "--engine", "require", "--json", under=(dagger, "run"))

    return run


@pytest.fixture(scope="module")
def twice(promote: Run, tollgate: Run) -> tuple[Promoted, Promoted]:
    """Two promotions to dev, each in a session of its own."""
    found = []
    for _ in range(2):
        result = promote()
        assert result.returncode == 0, result.stderr[-4000:]
        took = re.findall(r"^build +release +ok +([0-9.]+) s", result.stderr, re.MULTILINE)
        release = json.loads(result.stdout)["instances"][-1]["release"]
        found.append(Promoted(result.stderr, release, float(took[-1])))
    tollgate("cloud", "reset")
    return found[0], found[1]


def test_the_release_is_the_host_s(twice: tuple[Promoted, Promoted], tollgate: Run) -> None:
    """What containers build and what this machine builds is the same release, byte for byte."""
    result = tollgate("build", "--engine", "off", home="host")
    assert result.returncode == 0, result.stderr

    assert [each.release for each in twice] == [result.stdout.strip()] * 2


def test_the_second_run_is_cached(twice: tuple[Promoted, Promoted]) -> None:
    """Nothing that was done before is done again: the release is there in at most three tenths of the time."""
    first, second = twice

    assert second.seconds <= 0.3 * first.seconds


def test_every_kind_of_evidence_is_recorded(twice: tuple[Promoted, Promoted]) -> None:
    """Unit tests, policies, lint and types pass in containers; the host signs that, and need not ask again."""
    first, second = twice
    for check in ("unit", "policies", "lint", "types"):
        assert re.search(rf"build +checks +ok .*\b{check} passed(,|$)", first.said, re.MULTILINE), check
        assert re.search(rf"build +checks +ok .*\b{check} passed before", second.said), check


def test_a_failing_check_shows_its_own_output(checkout: Path, dagger: str, tmp_path: Path) -> None:
    """Of a check that fails in a container, its words come back, and nothing of the engine's."""
    root = tmp_path / "failing"
    shutil.copytree(checkout, root, ignore=shutil.ignore_patterns(".git"))
    settings = root / "tollgate.toml"
    settings.write_text(settings.read_text(encoding="utf-8").partition("[checks.")[0] + _FAILS)
    project = load_project(root)
    (tmp_path / "work" / "release").mkdir(parents=True)
    runner = find_place("require", root).runner
    (result,) = runner.run(project, project.checks, tmp_path / "work" / "release", lambda _: None)

    assert (result.passed, result.output) == (False, "three is not four")


def test_exit_codes_pass_through(dagger: str, tollgate: Run, tmp_path: Path) -> None:
    """A verb's exit code is that of `dagger run` around it."""
    result = tollgate("check", "nope", "--release", str(tmp_path), under=(dagger, "run"))

    assert result.returncode == 2
    assert "there is no check 'nope'" in result.stderr
