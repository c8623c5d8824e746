"""Parts that predicates share, read strictly."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.model import strict_json
from pipeline.model.errors import RefusedError

_HEX = re.compile(r"[0-9a-f]{64}")
_MAX_TEXT = 4096


def one_of(document: Any, allowed: tuple[str, ...], where: str) -> str:
    """Return a text that is one of a few."""
    found = strict_json.text(document, where)
    if found not in allowed:
        raise RefusedError(f"{where} is {found!r:.100}; known are {', '.join(allowed)}")
    return found


def short_text(document: Any, where: str) -> str:
    """Return a text that is there and is no novel."""
    found = strict_json.text(document, where)
    if not 0 < len(found) <= _MAX_TEXT:
        raise RefusedError(f"{where} has {len(found)} characters where 1 to {_MAX_TEXT} were expected")
    return found


def words(document: Any, where: str) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(short_text(item, where) for item in strict_json.items(document, where))


def sorted_words(document: Any, where: str) -> tuple[str, ...]:
    """Return a list of texts that is sorted and names nothing twice."""
    found = words(document, where)
    if list(found) != sorted(set(found)):
        raise RefusedError(f"{where} is not sorted, or names something twice")
    return found


def versions_to_json(found: Mapping[str, str]) -> list[dict[str, str]]:
    """Return names with their versions as `versions` reads them."""
    return [{"name": name, "version": version} for name, version in sorted(found.items())]


def versions(document: Any, where: str) -> dict[str, str]:
    """Return names with their versions, from a list that is sorted and names nothing twice."""
    found = {}
    for item in strict_json.items(document, where):
        row = strict_json.fields(item, where, required=("name", "version"))
        found[short_text(row["name"], where)] = short_text(row["version"], f"the version of {where}")
    if versions_to_json(found) != document:
        raise RefusedError(f"{where} is not in its place, or named twice")
    return found


def sha256(document: Any, where: str) -> str:
    """Return the digest of `{"sha256": HEX}` as `sha256:HEX`."""
    found = strict_json.fields(document, where, required=("sha256",))["sha256"]
    if not isinstance(found, str) or not _HEX.fullmatch(found):
        raise RefusedError(f"{where} is no SHA-256 of 64 hex digits")
    return f"sha256:{found}"


def moment(document: Any, where: str) -> str:
    """Return a time with its zone, in RFC 3339."""
    found = strict_json.text(document, where)
    try:
        has_zone = datetime.fromisoformat(found).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone:
        raise RefusedError(f"{where} is no time with a zone")
    return found


def number(document: Any, where: str) -> int:
    """Return a whole number that is written as text, because readers of JSON lose digits of large ones."""
    found = strict_json.text(document, where)
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", found):
        raise RefusedError(f"{where} is no whole number written as text")
    return int(found)


def hex_of(digest: str) -> Mapping[str, str]:
    """Return `sha256:HEX` as in-toto writes it."""
    return {"sha256": digest.removeprefix("sha256:")}
