"""The stacks as the command line writes them, made once."""

import json
from pathlib import Path

import pytest

from infra.environments import ENVIRONMENTS
from infra.main import main
from tests.infra.synthesis import Stack


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that a synth of the payment stacks wrote."""
    out = tmp_path_factory.mktemp("synth") / "out"
    assert main(["--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def stacks(synthesized: Path) -> dict[str, Stack]:
    """The payment stacks by environment."""
    return {
        name: json.loads((synthesized / "stacks" / f"payments-{name}" / "cdk.tf.json").read_text())
        for name in ENVIRONMENTS
    }


@pytest.fixture(scope="session")
def bootstraps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """The stacks of the accounts by environment."""
    out = tmp_path_factory.mktemp("synth") / "out"
    assert main(["--bootstrap", "--out", str(out)]) == 0
    return {
        name: json.loads((out / "stacks" / f"bootstrap-{name}" / "cdk.tf.json").read_text())
        for name in ENVIRONMENTS
    }
