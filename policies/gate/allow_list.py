"""What a release may contain, as `release_contents.toml` says."""

import functools
import tomllib
from dataclasses import dataclass

from policies.gate import ROOM
from policies.gate.errors import NotJudgedError

PATH = ROOM / "release_contents.toml"


@dataclass(frozen=True)
class ResourceType:
    """What the list says of one resource type.

    Attributes:
        name: The argument that holds the name AWS shows; None where there is none.
        tags: Whether it can carry tags.
    """

    name: str | None = None
    tags: bool = False


@dataclass(frozen=True)
class ReleaseContents:
    """The allow list.

    Attributes:
        providers: What `required_providers` must be.
        blocks: Kinds of top-level blocks.
        data_sources: Types of data sources.
        expressions: Whole texts that may call a function.
        variables: Names of Terraform variables.
        keyless_methods: API methods that answer without an API key, as `GET /health`.
        wildcard_actions: Actions for which AWS knows no resource, each with that reason: these may have `*`.
        resource_types: Resource types, with what policies need to know of each.
    """

    providers: dict[str, dict[str, str]]
    blocks: list[str]
    data_sources: list[str]
    expressions: list[str]
    variables: list[str]
    keyless_methods: list[str]
    wildcard_actions: dict[str, str]
    resource_types: dict[str, ResourceType]


@functools.cache
def read_contents() -> ReleaseContents:
    """The written allow list."""
    try:
        table = tomllib.loads(PATH.read_text(encoding="utf-8"))
        table["resource_types"] = {kind: ResourceType(**row) for kind, row in table["resource_types"].items()}
        return ReleaseContents(**table)
    except (OSError, ValueError, TypeError, KeyError) as problem:
        message = f"policies/release_contents.toml is not usable: {problem}."
        raise NotJudgedError(message, "Restore the file; docs/policies.md describes it.") from problem
