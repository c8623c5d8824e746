"""The mutation suite: every policy over the real stacks is needed, and every policy bites."""

import copy
import datetime as dt
import json
from pathlib import Path

import pytest

from policies.gate.expected_checks import read_expected
from policies.gate.judge import CLEAN, Judgement, judge
from tests.policies.mutations import MUTATIONS, Mutation, Stacks

TODAY = dt.datetime.now(tz=dt.UTC).date()


def read_stacks(release: Path) -> Stacks:
    """The three documents by environment."""
    return {
        name: json.loads(
            (release / "stacks" / f"payments-{name}" / "cdk.tf.json").read_text(encoding="utf-8")
        )
        for name in ("dev", "staging", "prod")
    }


def judged(stacks: Stacks, folder: Path, *, whole: bool) -> Judgement:
    """The judgement over these documents, of the whole release or of dev alone."""
    for name in stacks if whole else ["dev"]:
        path = folder / ("stacks" if whole else ".") / f"payments-{name}" / "cdk.tf.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(stacks[name], indent=2), encoding="utf-8")
    return judge(folder, TODAY)


@pytest.fixture(scope="module")
def stacks(release: Path) -> Stacks:
    return read_stacks(release)


@pytest.mark.parametrize("whole", [True, False], ids=["release", "dev"])
def test_the_unmutated_release_is_clean(stacks: Stacks, tmp_path: Path, whole: bool) -> None:
    """As synthesized, the stacks pass with nothing but recorded waivers."""
    judgement = judged(stacks, tmp_path, whole=whole)

    assert (judgement.faults, judgement.waived.problems, judgement.waived.open) == ([], [], [])
    assert judgement.verdict == CLEAN


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{number}-{m.kills}" for number, m in enumerate(MUTATIONS)]
)
def test_each_mutation_is_noticed_by_one_policy_alone(
    stacks: Stacks, tmp_path: Path, mutation: Mutation
) -> None:
    """The policy notices, and nothing else does: without it, this change would go through."""
    changed = copy.deepcopy(stacks)
    mutation.change(changed)

    judgement = judged(changed, tmp_path, whole=mutation.whole)

    assert {finding.policy for finding in judgement.waived.open} == {mutation.kills}
    assert (judgement.faults, judgement.waived.problems) == ([], [])


def test_every_policy_is_needed() -> None:
    """Each policy and each rule over whole stacks is the only one to notice some mutation."""
    ours = {*read_expected().own, *read_expected().rules}

    assert {mutation.kills for mutation in MUTATIONS} == ours
