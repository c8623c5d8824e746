"""What is compared across the stacks of a release: staging is prod with less capacity, dev of its parts."""

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.gate import ROOM
from policies.gate.errors import NotJudgedError
from policies.gate.finding import Finding, Rule
from policies.gate.stack import Resource, Stack, without_comment

PATH = ROOM / "mirror.toml"
RELEASE = "release"

_FIX = "Give both environments the same; a difference that is meant is a row in policies/mirror.toml."
TYPES = Rule(
    "PAY_MIRROR_1",
    "Every stack is made of the same resource types",
    _FIX,
    "prod holds what was never deployed before, or dev what never will be.",
    waivable=True,
)
ADDRESSES = Rule(
    "PAY_MIRROR_2",
    "Staging has the resources that prod has",
    _FIX,
    "a change that worked in staging meets something else in prod.",
    waivable=True,
)
CAPACITY = Rule(
    "PAY_MIRROR_3",
    "Staging has no more capacity than prod, and no tighter limits",
    _FIX,
    "staging bears a load that prod cannot, or hears of a problem before prod does.",
    waivable=True,
)
SETTINGS = Rule(
    "PAY_MIRROR_4",
    "Staging is set up as prod is, but for its capacity",
    _FIX,
    "what was tried in staging is not what runs in prod.",
    waivable=True,
)
RULES = (TYPES, ADDRESSES, CAPACITY, SETTINGS)


@dataclass(frozen=True)
class Mirror:
    """What may differ between staging and prod, as `type.path.to.argument`, `*` being any one step.

    `type@name.path` is about the resources of that type whose name is like this.

    Attributes:
        capacity: Numbers of which staging may have less, never more.
        tolerance: Numbers of which staging may have more, never less.
        environment: Arguments whose value follows from the environment, whatever it is.
    """

    capacity: list[str]
    tolerance: list[str]
    environment: list[str]


def read_mirror() -> Mirror:
    """The written differences."""
    try:
        return Mirror(**tomllib.loads(PATH.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as problem:
        message = f"policies/mirror.toml is not usable: {problem}."
        raise NotJudgedError(message, "Restore the file; docs/policies.md describes it.") from problem


def judge_across(stacks: list[Stack]) -> list[Finding]:
    """Everything that the stacks of one release do not have in common and should."""
    by_environment = {stack.environment: stack for stack in stacks}
    mirror = read_mirror()
    return [
        Finding(rule.id, rule.title, RELEASE, where, where, reason, rule.fix)
        for rule, where, reason in _differences(by_environment, mirror)
    ]


def _differences(stacks: dict[str, Stack], mirror: Mirror) -> Iterator[tuple[Rule, str, str]]:
    staging, prod = stacks["staging"], stacks["prod"]
    prods_types = {resource.type for resource in prod.resources.values()}
    for stack in (stack for stack in stacks.values() if stack is not prod):
        types = {resource.type for resource in stack.resources.values()}
        for kind in sorted(types - prods_types):
            yield TYPES, kind, f"{stack.name} has {kind}, {prod.name} has none"
        for kind in sorted(prods_types - types):
            yield TYPES, kind, f"{prod.name} has {kind}, {stack.name} has none"
    for address in sorted(staging.resources.keys() ^ prod.resources.keys()):
        only = staging if address in staging.resources else prod
        yield ADDRESSES, address, f"only {only.name} has {address}"
    for address in sorted(staging.resources.keys() & prod.resources.keys()):
        yield from _settings(staging.resources[address], prod.resources[address], mirror)


def _settings(ours: Resource, prods: Resource, mirror: Mirror) -> Iterator[tuple[Rule, str, str]]:
    staging, prod = (
        dict(_leaves("", resource.body, resource.stack.environment)) for resource in (ours, prods)
    )
    for path in sorted(staging.keys() | prod.keys()):
        mine, its = staging.get(path), prod.get(path)
        if mine == its or _listed(ours, path, mirror.environment):
            continue
        what = f"{path.removeprefix('.')} is {mine!r} in staging and {its!r} in prod"
        less = _listed(ours, path, mirror.capacity)
        if not less and not _listed(ours, path, mirror.tolerance):
            yield SETTINGS, ours.address, what
        elif not _ordered(mine if less else its, its if less else mine):
            yield CAPACITY, ours.address, what


def _listed(resource: Resource, path: str, patterns: list[str]) -> bool:
    steps = [f"{resource.type}@{resource.name}", *path.split(".")[1:]]
    for pattern in patterns:
        kind, *wanted = pattern.split(".")
        exact = [kind if "@" in kind else f"{kind}@*", *wanted]
        if len(steps) == len(exact) and all(map(fnmatch.fnmatchcase, steps, exact)):
            return True
    return False


def _ordered(least: Any, most: Any) -> bool:
    """Whether both are numbers, in that order; a number that is missing has no order."""
    numbers = isinstance(least, int | float) and isinstance(most, int | float)
    return numbers and least <= most


def _leaves(path: str, value: Any, environment: str) -> Iterator[tuple[str, Any]]:
    """Every plain value with its path; positions in lists count, so that order and length do too.

    Where a text names the environment it stands in, that is no difference.
    """
    if isinstance(value, dict):
        yield path, "{}"
        for key, inner in without_comment(value):
            yield from _leaves(f"{path}.{key}", inner, environment)
    elif isinstance(value, list):
        yield path, f"{len(value)} items"
        for index, item in enumerate(value):
            yield from _leaves(f"{path}.{index}", item, environment)
    elif isinstance(value, str):
        yield path, re.sub(rf"(?<![A-Za-z0-9]){environment}(?![A-Za-z0-9])", "{environment}", value)
    else:
        yield path, value
