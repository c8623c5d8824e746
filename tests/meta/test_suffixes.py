"""The rooms share no code, so the rule for suffixes stands in two of them: it has to be the same one."""

import pytest

from infra.errors import InfraError
from infra.naming import SUFFIX_MAX, check_suffix
from pipeline.model.environment import MAX_SUFFIX_LENGTH, instance_of
from pipeline.model.errors import UsageError
from tests.unit.pipeline.record import environment

_ALLOWED = ["a", "pr-42", "a1-b2-c3", "mys3alias", "a" * MAX_SUFFIX_LENGTH]
_REFUSED = ["", "-a", "a-", "a--b", "4a", "A", "a.b", "a_b", "s3alias", "pr-s3alias", "a" * (SUFFIX_MAX + 1)]


@pytest.mark.parametrize("suffix", _ALLOWED)
def test_what_the_pipeline_takes_the_stacks_take(suffix: str) -> None:
    """Nobody is let through by the command and refused by Terraform."""
    assert instance_of(environment("dev", previews=True), suffix).suffix == check_suffix(suffix)


@pytest.mark.parametrize("suffix", _REFUSED)
def test_what_one_refuses_the_other_refuses(suffix: str) -> None:
    """Nothing can be synthesized that cannot be promoted."""
    with pytest.raises(UsageError):
        instance_of(environment("dev", previews=True), suffix)
    with pytest.raises(InfraError):
        check_suffix(suffix)
