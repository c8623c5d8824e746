"""The repository keeps its own rules: layers, locks, lint, workflows."""

import ast
import itertools
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.meta import hygiene
from tests.meta.repository import PYPROJECT, ROOT, tracked
from tests.pipeline.test_digest import PYTHONS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MODEL = sorted((ROOT / "pipeline" / "model").rglob("*.py"))
SECRET = "AKIA" + "ABCDEFGHIJKLMNOP"
# An unlocked Nox, or one of what it needs, would run as whatever role the job holds.
RUNS_NOX = r"pip install --require-hashes -r requirements/nox\.txt && nox -s [a-z ]+( -- [\w $\"./-]+)?"
OWN_WORKFLOWS = {f"$/.github/workflows/{path.name}" for path in WORKFLOWS}


def steps(path: Path) -> list[dict[str, Any]]:
    """Every step of every job of a workflow."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


@pytest.mark.parametrize("path", MODEL, ids=lambda path: path.stem)
def test_the_model_needs_no_library(path: Path) -> None:
    """The model imports the standard library and itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        for name in names:
            assert name.startswith("pipeline.model") or name.partition(".")[0] in sys.stdlib_module_names, (
                name
            )


def test_only_one_door_leads_to_cdktf() -> None:
    """One module of `infra` names CDKTF's packages, and its tests come through that door too."""
    doors = set()
    for path in (*(ROOT / "infra").rglob("*.py"), *(ROOT / "tests" / "infra").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cdktf")
            named = isinstance(node, ast.Constant) and str(node.value).startswith("cdktf_")
            if imported or named:
                doors.add(path.name)

    assert doors == {"providers.py"}


def test_every_ignored_rule_has_its_reason() -> None:
    """Each line that switches a lint rule off says why, in the settings and in the code."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    for line in lint.splitlines():
        if re.match(r"\s*\"[A-Z]+\d*\"|\"\S+\" = \[\"[A-Z]", line):
            assert re.search(r"# \S+", line), line
    for path in (path for path in tracked() if path.suffix == ".py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for before, line in itertools.pairwise(["", *lines]):
            mark = re.search(r"# (?:ruff: )?noqa: [A-Z0-9, ]+(.*)$", line)
            assert not mark or mark[1].strip() or before.strip().startswith("#"), f"{path.name}: {line}"


def test_every_group_is_locked_with_hashes() -> None:
    """Each dependency group has its requirement file, and each requirement its hash."""
    for group in PYPROJECT["dependency-groups"]:
        lock = (ROOT / "requirements" / f"{group}.txt").read_text(encoding="utf-8")
        requirements = re.findall(r"^[a-z0-9][^\n]*==", lock, re.MULTILINE | re.IGNORECASE)
        assert requirements, group
        blocks = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
        assert all("--hash=sha256:" in block for block in blocks if "==" in block), group


def test_the_oldest_python_is_the_same_everywhere() -> None:
    """Packaging, README, ruff, mypy, Nox and CI agree on the oldest Python; one job has each, to build with it."""
    oldest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    asked = [
        step["with"]["python-version"].split() for path in WORKFLOWS for step in steps(path) if _sets_up(step)
    ]

    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert f"OLDEST_PYTHON = ({oldest.replace('.', ', ')})" in noxfile
    assert {versions[-1] for versions in asked} == {oldest}  # the last one runs Nox
    assert [versions for versions in asked if len(versions) > 1] == [sorted(PYTHONS, reverse=True)]
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_nox_and_trusts_nobody(path: Path) -> None:
    """A workflow has no rights by default, pins what it uses by digest, and runs sessions of the locked Nox only."""
    text = path.read_text(encoding="utf-8")

    assert yaml.safe_load(text)["permissions"] == {}
    uses = [used for used in re.findall(r"uses: (.+)", text) if used not in OWN_WORKFLOWS]
    assert uses
    assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used) for used in uses)
    for step in steps(path):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
        if "run" in step:
            # What follows `--` comes from variables: a line of shell never holds others' text.
            assert re.fullmatch(RUNS_NOX, step["run"]), step["run"]


def test_ci_follows_every_link() -> None:
    """The strict build of the documents is a part of CI: nothing else sees a link inside the generated pages."""
    assert "&& nox -s lint types docs\n" in (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")


def test_hooks_are_the_locked_tools() -> None:
    """No hook comes from another repository: each is a tool of `.venv`, with its version in the lock."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]

    assert [each["repo"] for each in hooks] == ["local"]
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}


def test_tracked_files_are_clean() -> None:
    """No file in git is large, private to one machine, or unreadable."""
    assert [problem for path in tracked() for problem in hygiene.problems(path)] == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("large.txt", b"x" * (hygiene.MAX_BYTES + 1), "at most 400,000 are kept in git"),
        ("uv.lock", b"", "must not be tracked"),
        ("image.py", b"\xff\xfe", "is not UTF-8 text"),
        ("image.png", b"GIF89a", "is no picture"),
        ("paths.md", b"see /" + b"home/ada/notes", "holds a path of one machine"),
        (
            "index.txt",
            b"--index-url " + b"https://pypi.example",
            "holds the address of a package index",
        ),
        ("key.env", SECRET.encode(), "holds an AWS access key"),
        ("key.pem", b"-----BEGIN EC PRIVATE KEY-----\n" + b"MHcC" * 16, "holds a private key"),
        ("bad.toml", b"a = ", "cannot be read"),
        ("bad.yml", b"a: [", "cannot be read"),
        ("bad.json", b"{", "cannot be read"),
    ],
)
def test_a_file_that_must_not_be_tracked_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, says: str
) -> None:
    """The hook names the file and what is wrong with it, and fails."""
    path = tmp_path / name
    path.write_bytes(content)

    assert hygiene.main([str(path)]) == 1
    assert says in capsys.readouterr().err


def test_a_clean_file_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hook says nothing of a file that is fine."""
    path = tmp_path / "fine.toml"
    path.write_text("a = 1\n")

    assert hygiene.main([str(path)]) == 0
    assert not capsys.readouterr().err


def _sets_up(step: dict[str, Any]) -> bool:
    return "actions/setup-python@" in step.get("uses", "")
