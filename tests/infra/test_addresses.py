"""A resource's address is its identity: Terraform replaces what changes its address."""

import os
from pathlib import Path

import pytest

from infra.environments import ENVIRONMENTS
from tests.infra.synthesis import Stack, every

ADDRESSES = Path(__file__).parent / "addresses"


def addresses(stack: Stack) -> str:
    """Every address of a stack, one to a line."""
    return "".join(sorted(f"{kind}.{name}\n" for kind, named in stack["resource"].items() for name in named))


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("kind", ["payments", "bootstrap"])
def test_no_address_changes_unnoticed(
    stacks: dict[str, Stack], bootstraps: dict[str, Stack], kind: str, name: str
) -> None:
    """Addresses are those recorded; a change destroys and makes anew, and belongs into the changelog.

    TOLLGATE_RECORD=addresses records them again.
    """
    stack = (stacks if kind == "payments" else bootstraps)[name]
    recorded = ADDRESSES / f"{kind}-{name}.txt"
    if os.environ.get("TOLLGATE_RECORD") == "addresses":
        recorded.write_text(addresses(stack))

    assert addresses(stack) == recorded.read_text()


def test_every_resource_is_counted(stacks: dict[str, Stack]) -> None:
    """The record leaves no resource out."""
    for stack in stacks.values():
        assert len(addresses(stack).splitlines()) == len(list(every(stack)))
