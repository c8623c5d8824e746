"""Ids and fingerprints, all derived, so that the same request always means the same payment."""

import hashlib
import json
from collections.abc import Mapping

PAYMENT_ID_PATTERN = "^pay_[0-9a-f]{40}$"


def payment_id(client: str, idempotency_key: str) -> str:
    """The id of the one payment that this client's key can ever create."""
    return f"pay_{_digest(['payment', client, idempotency_key])[:40]}"


def refund_id(client: str, of_payment: str, idempotency_key: str) -> str:
    """The id of the one refund of this payment that this client's key can ever create."""
    return f"re_{_digest(['refund', client, of_payment, idempotency_key])[:40]}"


def fingerprint(body: Mapping[str, object]) -> str:
    """What a request asks for, as a digest: equal for equal content, whatever the order or spacing."""
    return _digest(body)


def _digest(value: object) -> str:
    # JSON, not concatenation: no two different lists of strings have the same text.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
