"""What a release's stack says at an address, as it is written: references and all."""

from collections.abc import Mapping
from typing import Any

_METADATA = "//"


def written_at(stack: Mapping[str, Any] | None, address: str) -> Mapping[str, Any] | None:
    """Return the block of the resource at `address` (an index is left aside), None if there is none."""
    kind, _, name = address.partition("[")[0].partition(".")
    block = ((stack or {}).get("resource") or {}).get(kind, {}).get(name)
    if not isinstance(block, Mapping):
        return None
    return {key: value for key, value in block.items() if key != _METADATA}


def written_text(stack: Mapping[str, Any] | None, address: str, attribute: str) -> str | None:
    """Return the text of one attribute of it, None if there is none."""
    found = (written_at(stack, address) or {}).get(attribute)
    return found if isinstance(found, str) else None
