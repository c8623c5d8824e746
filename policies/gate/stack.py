"""One synthesized stack, read strictly, with the few questions policies ask of it."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from policies.gate.errors import NotJudgedError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_REFERENCE = re.compile(r"\$\{(aws_[a-z0-9_]+)\.([A-Za-z_][\w-]*)[.\[]")
_RESYNTH = "Synthesize again with `python -m infra.main --out DIR`; do not edit what it writes."


@dataclass(frozen=True)
class Resource:
    """One resource block of a stack, as written in its JSON."""

    stack: "Stack" = field(repr=False)
    type: str
    name: str
    body: dict[str, Any]

    @property
    def address(self) -> str:
        """The Terraform address inside the stack."""
        return f"{self.type}.{self.name}"

    @property
    def construct(self) -> str:
        """The construct path below the stack, or the address where the synthesizer left none."""
        path = str(self.body.get("//", {}).get("metadata", {}).get("path", self.address))
        return path.removeprefix(f"{self.stack.name}/")

    def blocks(self, *path: str) -> list[dict[str, Any]]:
        """Every nested block at this path; a single block and a list of blocks read the same."""
        found = [self.body]
        for key in path:
            found = [
                block for parent in found for block in as_list(parent.get(key)) if isinstance(block, dict)
            ]
        return found

    def referred(self, attribute: str) -> list["Resource"]:
        """The resources of the stack that this attribute's text refers to."""
        return self.stack.referred_by(self.body.get(attribute))

    def users(self, of_type: str, attribute: str) -> list["Resource"]:
        """The resources of one type whose attribute refers to this one."""
        return [r for r in self.stack.of(of_type) if any(self.is_same(to) for to in r.referred(attribute))]

    def is_same(self, other: "Resource") -> bool:
        """Whether both are the same block of the same stack."""
        return self.stack is other.stack and self.address == other.address


@dataclass(frozen=True, eq=False)
class Stack:
    """The parsed document of one stack and where it came from."""

    name: str
    environment: str
    path: Path
    text: str = field(repr=False)
    document: dict[str, Any] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 over the file's bytes: what the verdict is about."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Every resource by address, in the document's order."""
        found = (
            Resource(self, kind, name, body)
            for kind, named in without_comment(self.document.get("resource", {}))
            for name, body in without_comment(named)
        )
        return {resource.address: resource for resource in found}

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def referred_by(self, value: Any) -> list[Resource]:
        """The resources that a value's text refers to, each once."""
        addresses = {f"{kind}.{name}": None for kind, name in _REFERENCE.findall(json.dumps(value))}
        return [self.resources[address] for address in addresses if address in self.resources]

    def providers(self, name: str) -> list[dict[str, Any]]:
        """The configurations of one provider."""
        return [
            block for block in as_list(self.document.get("provider", {}).get(name)) if isinstance(block, dict)
        ]


def as_list(value: Any) -> list[Any]:
    """The value itself if a list, else a list of it; nothing for null."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def without_comment(mapping: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries but for `//`, which Terraform's JSON syntax ignores where names are expected."""
    return ((key, value) for key, value in mapping.items() if key != "//")


def read_stack(path: Path, name: str, environment: str) -> Stack:
    """Read a stack, refusing every shape that the scanner and Terraform could read differently."""
    try:
        text = path.read_text(encoding="utf-8")
        document = strict_json(text)
    except (OSError, ValueError) as problem:
        raise NotJudgedError(f"{path} is not readable JSON: {problem}.", _RESYNTH) from problem
    if not isinstance(document, dict) or not isinstance(document.get("resource"), dict):
        raise NotJudgedError(f"{path} holds no resources.", _RESYNTH)
    for block in ("resource", "data"):
        _check_named_blocks(path, block, document.get(block, {}))
    stack = Stack(name, environment, path, text, document)
    if not stack.resources:
        raise NotJudgedError(f"{path} holds no resources.", _RESYNTH)
    # Waivers name construct paths: two resources of one path would share them.
    paths = Counter(resource.construct for resource in stack.resources.values())
    if shared := sorted(construct for construct, count in paths.items() if count > 1):
        raise NotJudgedError(f"{path}: several resources claim to be {', '.join(shared)}.", _RESYNTH)
    return stack


def strict_json(text: str) -> Any:
    """Parse JSON of which every reader makes the same.

    Raises:
        ValueError: If it is not JSON, or a key stands twice in an object.
    """
    return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)


def _check_named_blocks(path: Path, block: str, types: Any) -> None:
    """Refuse the array forms of the syntax: our index could miss what Terraform would create from them."""
    if not isinstance(types, dict):
        raise NotJudgedError(f"{path}: `{block}` must be an object, not a list.", _RESYNTH)
    for kind, named in without_comment(types):
        if not isinstance(named, dict):
            raise NotJudgedError(f"{path}: `{block}.{kind}` must be an object, not a list.", _RESYNTH)
        for name, body in without_comment(named):
            if not isinstance(body, dict) or not _NAME.fullmatch(name):
                raise NotJudgedError(f"{path}: `{block}.{kind}.{name}` is not one named block.", _RESYNTH)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key: Terraform merges both blocks, every other reader keeps the last."""
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return result


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
