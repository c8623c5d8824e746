"""What tests of constructs say only once: how to synthesize, and how to ask what came out."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.naming import InstanceNames
from infra.providers import Construct, TerraformStack, Testing

NAMES = InstanceNames(environment="dev", suffix="pr-42", account_id="123456789012", owner="payments")
Stack = Mapping[str, Any]


def synth(build: Callable[[Construct], object]) -> Stack:
    """The stack that holds what `build` puts into it, as Terraform will read it."""
    stack = TerraformStack(Testing.app(), "test")
    build(stack)
    made: Stack = json.loads(Testing.synth(stack))
    return made


def resources(stack: Stack, kind: str) -> dict[str, Mapping[str, Any]]:
    """Every resource of a type, by its logical id."""
    return dict(stack.get("resource", {}).get(kind, {}))


def only(stack: Stack, kind: str) -> Mapping[str, Any]:
    """The one resource of a type."""
    (body,) = resources(stack, kind).values()
    return body


def every(stack: Stack) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every resource with its type."""
    for kind, named in stack["resource"].items():
        for body in named.values():
            yield kind, body


def has_resource(stack: Stack, kind: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a resource of the type says at least what is wanted."""
    return any(_includes(body, wanted) for body in resources(stack, kind).values())


def _includes(actual: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _includes(actual[key], value) for key, value in wanted.items()
        )
    return actual == wanted


def statements(stack: Stack) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of every policy, with the type of resource it stands in."""
    for kind, body in every(stack):
        for field in ("policy", "assume_role_policy"):
            if field in body:
                for one in json.loads(body[field])["Statement"]:
                    yield kind, one
