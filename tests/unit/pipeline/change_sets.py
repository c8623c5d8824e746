"""Change sets for tests: builders that name only what a test is about, and hypothesis strategies."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from pipeline.deploy.plan_json import read_plan
from pipeline.model.change_set import (
    Action,
    AttributeChange,
    ChangeSet,
    Check,
    DeferredChange,
    OutputChange,
    ResourceChange,
)
from pipeline.model.values import Known, Secret, Unknown, Value

KEY = b"a key kept beside the state"
IDENTITY = {
    "release": "sha256:" + "a" * 64,
    "environment": "staging",
    "suffix": "staging",
    "account_id": "222222222222",
    "region": "ap-northeast-2",
}
PROVIDER = "registry.terraform.io/hashicorp/aws"
PLANS = Path(__file__).parents[2] / "fixtures" / "plans"

Plan = dict[str, Any]


def recorded(name: str) -> Plan:
    """Return a recorded plan, a fresh copy each time."""
    plan: Plan = json.loads((PLANS / f"{name}.json").read_text(encoding="utf-8"))
    return plan


def read(plan: Plan, **other: Any) -> ChangeSet:
    """Read a plan for the usual instance."""
    return read_plan(plan, **{**IDENTITY, "secret_key": KEY, **other})


def value(plain: Any) -> Value:
    """Wrap plain data; None stays no value, and what is wrapped stays as it is."""
    return plain if isinstance(plain, Known | Secret | Unknown | None) else Known.of(plain)


def attribute(path: str, before: Any, after: Any) -> AttributeChange:
    """Return a change of the attribute at `path`, written `rule.0.days`."""
    steps = tuple(int(step) if step.isdigit() else step for step in path.split("."))
    return AttributeChange(steps, value(before), value(after))


def change(
    kind: str, action: Action, *attributes: AttributeChange, name: str = "it", **other: Any
) -> ResourceChange:
    """Return a change of `kind.name`."""
    return ResourceChange(f"{kind}.{name}", kind, PROVIDER, action, attributes=attributes, **other)


def change_set(*changes: ResourceChange, **other: Any) -> ChangeSet:
    """Return a change set for the usual instance."""
    return ChangeSet(**{**IDENTITY, "changes": changes, **other})


def altered(original: ChangeSet, **other: Any) -> ChangeSet:
    """Return the change set with other fields."""
    return replace(original, **other)


FEW = settings(max_examples=20, deadline=None)
"""Whole change sets are slow to make up; what is wrong with them shows soon."""

_NAMES = st.text("abcde_", min_size=1, max_size=5)
_PLAIN = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)
KNOWN = _PLAIN.map(Known.of)
VALUES: st.SearchStrategy[Value] = st.one_of(
    KNOWN,
    st.from_regex(r"hmac-sha256:[0-9a-f]{64}", fullmatch=True).map(Secret),
    st.builds(
        Unknown,
        st.lists(_NAMES, max_size=2).map(tuple),
        st.none() | st.text(max_size=5),
        st.booleans(),
    ),
)
ATTRIBUTES = st.dictionaries(_NAMES, st.tuples(VALUES | st.none(), VALUES | st.none()), max_size=3).map(
    lambda found: tuple(AttributeChange((name,), *sides) for name, sides in sorted(found.items()))
)
RESOURCES: st.SearchStrategy[ResourceChange] = st.builds(
    ResourceChange,
    address=_NAMES.map(lambda name: f"aws_thing.{name}"),
    type=st.just("aws_thing"),
    provider=st.just(PROVIDER),
    action=st.sampled_from(Action),
    construct_path=st.none() | st.text(max_size=8),
    previous_address=st.none() | _NAMES,
    importing=st.none() | KNOWN,
    deposed=st.none() | st.text("0123456789abcdef", min_size=8, max_size=8),
    reason=st.none() | st.just("replace_because_tainted"),
    replaces_because=st.lists(_NAMES, max_size=2).map(tuple),
    attributes=ATTRIBUTES,
)
_OUTPUTS = st.builds(
    OutputChange, _NAMES, st.sampled_from([Action.CREATE, Action.UPDATE, Action.DELETE]), VALUES, VALUES
)


def _unique(items: st.SearchStrategy[Any], key: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=4, unique_by=key).map(tuple)


CHANGE_SETS: st.SearchStrategy[ChangeSet] = st.builds(
    ChangeSet,
    **{name: st.just(text) for name, text in IDENTITY.items()},
    variables=st.dictionaries(_NAMES, VALUES, max_size=2).map(lambda found: tuple(found.items())),
    changes=_unique(RESOURCES, lambda item: item.key),
    outputs=_unique(_OUTPUTS, lambda item: item.name),
    deferred=_unique(st.builds(DeferredChange, _NAMES, RESOURCES), lambda item: item.change.key),
    complete=st.booleans(),
    drift=_unique(RESOURCES, lambda item: item.key),
    checks=_unique(
        st.builds(Check, _NAMES, st.sampled_from(["pass", "fail"]), st.lists(_NAMES, max_size=2).map(tuple)),
        lambda item: item.address,
    ),
)
