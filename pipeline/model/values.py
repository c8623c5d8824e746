"""What an attribute is before or after a change: known, secret, or known only after apply."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import RefusedError
from pipeline.model.strict_json import fields, items, mapping, optional_text, text, typed

SECRET_PREFIX = "hmac-sha256:"  # noqa: S105 - the name of an algorithm, not a secret
_SHORTEST_KEY = 16

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A value that may be shown.

    Attributes:
        json: Its one spelling as JSON, so that equal values are equal bytes and nothing can be changed later.
    """

    json: str

    @classmethod
    def of(cls, value: Any) -> "Known":
        """Return the known value `value` (plain JSON)."""
        return cls(canonical_bytes(value).decode("utf-8", errors="surrogatepass"))

    @property
    def value(self) -> Any:
        """The value as plain JSON data."""
        return json.loads(self.json)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown: only whether it is the same can be told, and only by who has the key.

    Attributes:
        digest: `hmac-sha256:` and 64 hex digits, bound to the place of the value.
    """

    digest: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that exists only after apply.

    Attributes:
        references: What it is computed from, as Terraform names it; empty if the provider decides.
        expression: The text in the release that computes it, where that is a single string.
        secret: True if the value will be sensitive.
    """

    references: tuple[str, ...] = ()
    expression: str | None = None
    secret: bool = False


Value: TypeAlias = Known | Secret | Unknown | None
"""None: there is no such attribute."""


def keyed_digest(key: bytes, place: tuple[str | int, ...], value: Any) -> str:
    """Return the digest of a secret `value` at `place`, which without `key` says nothing about it.

    The place is part of it: the same password in two places shows as two unrelated digests.

    Raises:
        RefusedError: The key is too short to protect anything.
    """
    if len(key) < _SHORTEST_KEY:
        raise RefusedError(
            f"the key for secrets has {len(key)} bytes where at least {_SHORTEST_KEY} were expected"
        )
    message = canonical_bytes(["tollgate/secret/v1", list(place), value])
    return SECRET_PREFIX + hmac.new(key, message, hashlib.sha256).hexdigest()


def value_to_json(value: Value) -> Any:
    """Return `value` as JSON data that says which kind it is."""
    match value:
        case None:
            return None
        case Known():
            return {"known": value.value}
        case Secret():
            return {"secret": value.digest}
        case Unknown():
            return {
                "unknown": {
                    "references": list(value.references),
                    "expression": value.expression,
                    "secret": value.secret,
                }
            }


def value_from_json(document: Any, where: str) -> Value:
    """Read what `value_to_json` wrote, strictly."""
    if document is None:
        return None
    found = mapping(document, where)
    match list(found):
        case ["known"]:
            return Known.of(found["known"])
        case ["secret"]:
            digest = text(found["secret"], where)
            if not digest.startswith(SECRET_PREFIX):
                raise RefusedError(f"{where} holds a secret that is not written as a keyed digest")
            return Secret(digest)
        case ["unknown"]:
            details = fields(found["unknown"], where, required=("references", "expression", "secret"))
            return Unknown(
                tuple(text(item, where) for item in items(details["references"], where)),
                optional_text(details["expression"], where),
                typed(details["secret"], bool, where),
            )
        case _:
            raise RefusedError(
                f"{where} is a value of a kind that this version does not know: {sorted(found)}"
            )


def path_text(path: Path) -> str:
    """Return an attribute's path as people write it: `rule[0].expiration.days`, `tags["a b"]`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.isidentifier():
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step)}]")
    return "".join(parts)


def path_order(path: Path) -> list[tuple[bool, int, str]]:
    """Return a sorting key: positions before names, `[2]` before `[10]`."""
    return [(isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in path]


def path_from_json(document: Any, where: str) -> Path:
    """Read a path: a list of attribute names and list positions."""
    steps = items(document, where)
    if not all(type(step) in {str, int} for step in steps):
        raise RefusedError(f"{where} has a path with something other than names and positions")
    return tuple(steps)
