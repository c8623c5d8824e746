"""The policies as a collection: names, sizes, documentation, fixtures."""

import tomllib
from collections import Counter

import pytest

from policies.gate import ROOM, expected_checks
from policies.gate.expected_checks import read_expected
from policies.gate.own_checks import OwnCheck, class_name, load_own_checks
from tests.policies.test_fixtures import FIXTURES, OWN, expected_verdicts

FILES = sorted(ROOM.glob("pay_*.py"))
BY_STEM = pytest.mark.parametrize("policy", OWN.values(), ids=OWN)


def test_every_file_loads_and_counts() -> None:
    """Each policy file gives one policy, registered once, and nothing is wrong with any."""
    own, faults = load_own_checks()

    assert faults == []
    assert [check.path for check in own] == FILES


def test_ids_are_unique() -> None:
    """No two policies share an id: checkov would run only the first."""
    assert [name for name, count in Counter(check.id for check in OWN.values()).items() if count > 1] == []


def test_the_written_list_names_every_policy() -> None:
    """`checks.toml` expects exactly the policies that are there."""
    assert read_expected().own == sorted(check.id for check in OWN.values())


@BY_STEM
def test_four_names_are_one(policy: OwnCheck) -> None:
    """File, class and fixture folder carry the same name."""
    text = policy.path.read_text(encoding="utf-8")

    assert f"class {class_name(policy.path.stem)}(" in text
    assert (FIXTURES / policy.path.stem).is_dir()


@BY_STEM
def test_a_policy_is_small_and_says_risk_and_fix(policy: OwnCheck) -> None:
    """A policy is at most 40 lines, and its docstring says the outcome, the risk and the fix."""
    lines = policy.path.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 40
    assert policy.title
    assert policy.risk
    assert policy.fix


@BY_STEM
def test_fixtures_show_both_sides(policy: OwnCheck) -> None:
    """Each policy has a resource that passes, one that fails, and one it leaves aside if it ever does."""
    verdicts = Counter(
        verdict
        for path in (FIXTURES / policy.path.stem).rglob("cdk.tf.json")
        for verdict in expected_verdicts(path, policy).values()
    )

    assert verdicts["PASSED"]
    assert verdicts["FAILED"]
    assert bool(verdicts["UNKNOWN"]) == ("def applies(" in policy.path.read_text(encoding="utf-8"))


def test_no_fixture_is_left_over() -> None:
    """Every fixture folder belongs to a policy."""
    assert sorted(path.name for path in FIXTURES.iterdir()) == sorted(OWN)


def test_the_written_list_is_what_this_installation_would_write(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m policies.gate.expected_checks` prints the content of `checks.toml`."""
    assert expected_checks.main() == 0

    assert tomllib.loads(capsys.readouterr().out) == tomllib.loads(expected_checks.PATH.read_text("utf-8"))
