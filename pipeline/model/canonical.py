"""One spelling for every JSON document that has a digest."""

import hashlib
import json
from typing import Any


def canonical_bytes(document: Any) -> bytes:
    """Return `document` as JSON in its one spelling: sorted keys, no white space, UTF-8, no NaN.

    Raises:
        ValueError: It holds a number that JSON has no spelling for.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", errors="surrogatepass")


def sha256_digest(content: bytes) -> str:
    """Return `sha256:` and the 64 hex digits of `content`'s SHA-256."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
