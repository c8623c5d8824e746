"""The region of a stack and that of its environment are one."""

from typing import Any

import pytest

from pipeline.deploy.region import insist_on_region
from pipeline.model.errors import RefusedError

_REGION = "ap-northeast-2"


@pytest.mark.parametrize(
    "stack",
    [
        {},
        {"provider": {"aws": [{"region": _REGION}]}},
        {"provider": {"aws": {"region": _REGION}}},
        {"provider": {"aws": [{"allowed_account_ids": []}]}},
        {"provider": {"random": {}}},
    ],
)
def test_a_stack_in_the_environments_region_is_opened(stack: dict[str, Any]) -> None:
    """A provider that names the environment's region, or none, deploys where everything else looks."""
    insist_on_region(stack, _REGION)


@pytest.mark.parametrize(
    "providers",
    [[{"region": "us-east-1"}], {"region": "us-east-1"}, [{"region": _REGION}, {"region": "us-east-1"}]],
)
def test_a_stack_in_another_region_is_refused(providers: Any) -> None:
    """Nobody is shown a change in one region and given it in another."""
    with pytest.raises(
        RefusedError,
        match=f"the stack deploys to us-east-1, and the settings of its environment say {_REGION}",
    ) as refused:
        insist_on_region({"provider": {"aws": providers}}, _REGION)

    assert refused.value.hint == "say the same region in environments/*.toml and in the stack's AWS provider"
