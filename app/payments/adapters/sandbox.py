"""A provider that moves no money and decides by the token, like the well-known test cards."""

import hashlib
from collections.abc import Callable

from payments.domain.errors import ProviderUnavailableError
from payments.domain.ports import Accepted, Declined

SLOW_SECONDS = 2.0

DECLINES = {
    "tok_declined": "card_declined",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_expired_card": "expired_card",
    "tok_lost_card": "lost_card",
}


class SandboxProvider:
    """Answers every key the same way for ever, from whichever worker: the reference is derived from the key.

    | token | answer |
    |---|---|
    | `tok_declined` and the others in `DECLINES` | declined with that code |
    | `tok_timeout` | never an answer |
    | `tok_slow` | captured after two seconds |
    | `tok_refund_declined` | captured; its refunds are declined |
    | any other | captured |
    """

    def __init__(self, *, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep

    def charge(self, key: str, *, amount: int, currency: str, token: str) -> Accepted | Declined:
        """Decide by the token."""
        if token in DECLINES:
            return Declined(DECLINES[token])
        if token == "tok_timeout":  # noqa: S105 - a published test token
            raise ProviderUnavailableError("the payment provider did not answer in time")
        if token == "tok_slow":  # noqa: S105 - a published test token
            self._sleep(SLOW_SECONDS)
        prefix = "ch_norefund" if token == "tok_refund_declined" else "ch"  # noqa: S105 - a published test token
        return Accepted(_reference(prefix, key, amount, currency))

    def refund(self, key: str, *, charge: str, amount: int, currency: str) -> Accepted | Declined:
        """Accept, unless the charge was made to refuse refunds."""
        if charge.startswith("ch_norefund_"):
            return Declined("charge_not_refundable")
        return Accepted(_reference("rf", key, amount, currency))


def _reference(prefix: str, key: str, amount: int, currency: str) -> str:
    return f"{prefix}_sandbox_{hashlib.sha256(f'{key}/{amount}/{currency}'.encode()).hexdigest()[:24]}"
