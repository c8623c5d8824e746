"""What the policies' tests share; they run where checkov is installed (`nox -s policies`)."""

import os
import subprocess
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # checkov's dependencies use deprecated names while they are imported
    import checkov.terraform_json.runner  # noqa: F401  # imported once, here

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three real stacks: of TOLLGATE_STACKS, or synthesized by the environment that can."""
    if given := os.environ.get("TOLLGATE_STACKS"):
        return Path(given).resolve()
    out = tmp_path_factory.mktemp("synthesized") / "out"
    synthesize("infra.main", "--out", str(out))
    return out


def synthesize(module: str, *arguments: str) -> None:
    """Run a module of ours in the environment that has cdktf."""
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.fail("no stacks to judge: `nox -s dev` makes the environment that synthesizes them")
    subprocess.run([python, "-m", module, *arguments], cwd=ROOT, check=True, timeout=300)
