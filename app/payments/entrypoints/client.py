"""Who asks."""

import hashlib
from typing import Any

from payments.domain.errors import UnknownClientError


def client_of(event: Any) -> str:
    """The identity behind the API key that API Gateway has checked.

    The key's id where API Gateway names it; else a digest of the key itself, which tells clients apart as
    well. A request with neither did not come through a method that requires a key, and is refused.
    """
    key_id: str | None = event["requestContext"]["identity"].get("apiKeyId")
    if key_id:
        return key_id
    headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
    key = headers.get("x-api-key")
    if not key:
        raise UnknownClientError("the request carries no accepted API key")
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
