"""Every policy over its fixtures, by checkov's own runner: the verdict is in the name of each resource."""

import fnmatch
from pathlib import Path

import pytest

from policies.gate.own_checks import OwnCheck, load_own_checks
from policies.gate.scan import scan_stack
from policies.gate.stack import read_stack

FIXTURES = Path(__file__).parent / "fixtures"
OWN = {check.path.stem: check for check in load_own_checks()[0]}
FILES = sorted(FIXTURES.rglob("cdk.tf.json"))
VERDICTS = {"pass": "PASSED", "fail": "FAILED", "unknown": "UNKNOWN"}


def verdict_in(name: str) -> str:
    """`fail_without_owner` is expected to fail."""
    return VERDICTS[name.partition("_")[0]]


def expected_verdicts(path: Path, policy: OwnCheck) -> dict[str, str]:
    """What a fixture expects of its policy, by address; of a provider, in the folder's name."""
    stack = read_stack(path, path.parent.name, path.parent.name.removeprefix("payments-"))
    if not policy.resources:
        return {"provider.aws": verdict_in(path.parent.parent.name)}
    return {
        resource.address: verdict_in(resource.name)
        for resource in stack.resources.values()
        if any(fnmatch.fnmatchcase(resource.type, pattern) for pattern in policy.resources)
    }


@pytest.mark.parametrize("path", FILES, ids=[str(path.parent.relative_to(FIXTURES)) for path in FILES])
def test_each_resource_gets_the_verdict_in_its_name(path: Path) -> None:
    """A policy passes, refuses and leaves aside exactly the resources that say so."""
    policy = OWN[path.relative_to(FIXTURES).parts[0]]
    stack = read_stack(path, path.parent.name, path.parent.name.removeprefix("payments-"))

    scan = scan_stack(stack)

    assert [fault for fault in scan.faults if policy.id in fault] == []
    found = {verdict.address: verdict.result for verdict in scan.verdicts if verdict.check == policy.id}
    assert found == expected_verdicts(path, policy)


@pytest.mark.parametrize("path", FILES, ids=[str(path.parent.relative_to(FIXTURES)) for path in FILES])
def test_each_refusal_says_why(path: Path) -> None:
    """A refused resource comes with at least one sentence that is not empty."""
    policy = OWN[path.relative_to(FIXTURES).parts[0]]
    stack = read_stack(path, path.parent.name, path.parent.name.removeprefix("payments-"))

    refused = [v for v in scan_stack(stack).verdicts if v.check == policy.id and v.result == "FAILED"]

    assert all(verdict.reasons and all(verdict.reasons) for verdict in refused)
