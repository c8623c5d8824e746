"""A pull request shows how its stacks differ: each line, folded, within its room, and nothing that ends its fence."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.page.stack_diff import stack_diffs
from pipeline.stores.releases import ReleaseStore


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """An empty store."""
    return ReleaseStore(tmp_path)


def saved(store: ReleaseStore, **stacks: Any) -> str:
    """Save a release with these resources in its stacks; return its digest."""
    files = {
        f"stacks/{name}.tf.json": json.dumps({"resource": kinds}).encode() for name, kinds in stacks.items()
    }
    return store.save({"smoke.json": b"{}", **files}).digest


def function(**arguments: Any) -> dict[str, Any]:
    """One function of a stack."""
    return {"aws_lambda_function": {"it": {"memory_size": 256, **arguments}}}


def test_a_changed_attribute_stands_there_before_and_after(store: ReleaseStore) -> None:
    """The block is named, and the line that changes is there twice."""
    before, after = saved(store, dev=function()), saved(store, dev=function(memory_size=512))

    told = stack_diffs(store, after, before, 10_000).splitlines()
    assert "@@ aws_lambda_function.it" in told
    assert '-  "memory_size": 256' in told
    assert '+  "memory_size": 512' in told


def test_only_what_differs_is_told(store: ReleaseStore) -> None:
    """A stack that is the same is left out, and two equal releases are nothing."""
    before = saved(store, dev=function(), prod=function())
    after = saved(store, dev=function(timeout=3), prod=function())

    assert "stacks/dev.tf.json" in stack_diffs(store, after, before, 10_000)
    assert "prod" not in stack_diffs(store, after, before, 10_000)
    assert stack_diffs(store, before, before, 10_000) == ""


def test_it_keeps_within_its_room_and_counts_the_rest(store: ReleaseStore) -> None:
    """Two stacks share what there is; each is folded whole, and says how many lines it leaves out."""
    many = {"aws_x": {f"r{number}": {"name": "n" * 60} for number in range(300)}}
    before, after = saved(store, dev=function(), prod=function()), saved(store, dev=many, prod=many)

    told = stack_diffs(store, after, before, 8_000)
    assert len(told) <= 8_000
    assert told.count("</details>") == told.count("<details>") == 2
    assert told.count("lines are left out.") == 2


def test_what_others_wrote_cannot_leave_its_fence(store: ReleaseStore) -> None:
    """Backticks in a value make the fence longer; control characters are spelled out."""
    before = saved(store, dev=function())
    after = saved(store, dev=function(description="`````\n</details>\u202e", **{"```": "\x1b"}))

    told = stack_diffs(store, after, before, 10_000)
    fences = [line for line in told.splitlines() if line.startswith("``````")]
    assert fences == ["``````diff", "``````"]
    assert told.count("\n</details>") == 1
    assert "\u202e" not in told
