"""Which arguments a resource may have: the list names types, and of each type what its policies know of."""

import dataclasses
import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from policies.gate import ROOM
from policies.gate.errors import NotJudgedError
from policies.gate.finding import Rule
from policies.gate.stack import Resource

PATH = ROOM / "arguments.toml"
ARGUMENT = Rule(
    "PAY_RELEASE_12",
    "Only listed arguments of each resource type",
    "Leave it out, or add it to policies/arguments.toml by review.",
    "one argument can undo what the others say, and no policy reads it.",
)
# Terraform's own, and what other rules refuse by name.
_META = {
    "//",
    "connection",
    "count",
    "depends_on",
    "dynamic",
    "for_each",
    "lifecycle",
    "provider",
    "provisioner",
}
_WRITE_ONLY = ("_wo", "_wo_version")


@dataclass(frozen=True)
class ListedArguments:
    """What `arguments.toml` says.

    Attributes:
        arguments: Every argument that may be used, as `type.argument`.
    """

    arguments: list[str]


@functools.cache
def read_arguments() -> frozenset[str]:
    """The written list."""
    try:
        return frozenset(ListedArguments(**tomllib.loads(PATH.read_text(encoding="utf-8"))).arguments)
    except (OSError, ValueError, TypeError) as problem:
        message = f"policies/arguments.toml is not usable: {problem}."
        raise NotJudgedError(message, "Restore the file; docs/policies.md describes it.") from problem


def unlisted_arguments(resource: Resource) -> Iterator[tuple[Rule, str, str]]:
    """Each argument at the top of a resource that the list does not name, with the line that would name it."""
    for name in sorted(resource.body.keys() - _META):
        listed = f"{resource.type}.{name}"
        if listed not in read_arguments() and not name.endswith(_WRITE_ONLY):
            fix = (
                f'Leave it out; or, once a policy judges it or none has to, add the line `  "{listed}",` '
                "to policies/arguments.toml by review."
            )
            yield (
                dataclasses.replace(ARGUMENT, fix=fix),
                resource.address,
                f"the argument `{name}` of {resource.type} is not on the list",
            )
