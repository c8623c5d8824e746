"""The constructs as they are before anybody decides anything."""

import datetime as dt
from pathlib import Path

from policies.gate.judge import judge
from tests.policies.conftest import synthesize

# Memory and billing are what an environment pays for; in prod it has to say so.
SIZES = {"PAY_DYNAMODB_3", "PAY_LAMBDA_1"}


def test_a_construct_with_its_defaults_is_safe_in_prod(tmp_path: Path) -> None:
    """S7: whoever leaves every choice out lacks size, and nothing that protects."""
    synthesize("tests.policies.default_constructs", str(tmp_path))

    judgement = judge(tmp_path / "stacks", dt.datetime.now(tz=dt.UTC).date())

    assert not judgement.faults
    assert {finding.policy for finding in judgement.waived.open} == SIZES
