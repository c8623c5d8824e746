"""Stripe, by its documented HTTP API (https://docs.stripe.com/api) and the standard library alone.

Only a definite no is "declined". Whatever leaves open whether money moved is `ProviderUnavailableError`, so
that the caller asks again with the same key; Stripe keeps the first answer to a key for 24 hours.
"""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode

from payments.domain.currency import EXPONENTS
from payments.domain.errors import ProviderUnavailableError
from payments.domain.ports import Accepted, Declined

API_VERSION = "2024-06-20"
TIMEOUT_SECONDS = 10

# Where Stripe counts otherwise than ISO 4217 (https://docs.stripe.com/currencies): as (times, divided by).
_SCALES = {"ISK": (100, 1), "MGA": (1, 100)}
# Three decimals, of which the last must be zero.
_ROUNDED_TO_TEN = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
# Stripe does not take them, or has documented their unit in two ways; a guess could charge a hundredfold.
_UNSUPPORTED = frozenset({"CLF", "IQD", "LYD", "UGX", "UYI", "UYW"})


class StripeProvider:
    """The `Provider` that moves real money.

    Args:
        api_key: Gives Stripe's secret key, afresh for every call, so that a rotated key is picked up.
        connect: Opens a connection to Stripe.
    """

    def __init__(
        self,
        api_key: Callable[[], str],
        connect: Callable[[], HTTPConnection] = lambda: HTTPSConnection(
            "api.stripe.com", timeout=TIMEOUT_SECONDS
        ),
    ) -> None:
        self._api_key = api_key
        self._connect = connect

    def charge(self, key: str, *, amount: int, currency: str, token: str) -> Accepted | Declined:
        """Create and confirm a PaymentIntent, off session: the customer is not there to answer questions."""
        units = stripe_amount(amount, currency)
        if units is None:
            return Declined("amount_or_currency_not_supported")
        method = token if token.startswith("pm_") else self._payment_method(key, token)
        if isinstance(method, Declined):
            return method
        return self._post(
            "/v1/payment_intents",
            key,
            {
                "amount": str(units),
                "currency": currency.lower(),
                "confirm": "true",
                "error_on_requires_action": "true",
                "metadata[payment_id]": key,
                "payment_method": method,
                "payment_method_types[]": "card",
            },
        )

    def refund(self, key: str, *, charge: str, amount: int, currency: str) -> Accepted | Declined:
        """Create a Refund of a PaymentIntent."""
        units = stripe_amount(amount, currency)
        if units is None:
            return Declined("amount_or_currency_not_supported")
        return self._post(
            "/v1/refunds", key, {"amount": str(units), "payment_intent": charge, "metadata[refund_id]": key}
        )

    def _payment_method(self, key: str, token: str) -> str | Declined:
        """Turn a card token, which works once, into the payment method an intent takes; no money moves."""
        answer = self._post("/v1/payment_methods", f"{key}-method", {"type": "card", "card[token]": token})
        return answer.reference if isinstance(answer, Accepted) else answer

    def _post(self, path: str, key: str, form: Mapping[str, str]) -> Accepted | Declined:
        headers = {
            "Authorization": f"Bearer {self._api_key()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": key,
            "Stripe-Version": API_VERSION,
        }
        connection = self._connect()
        try:
            connection.request("POST", path, urlencode(form), headers)
            response = connection.getresponse()
            status, document = response.status, json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise _unavailable() from error
        finally:
            connection.close()
        return _answer(status, document)


def stripe_amount(amount: int, currency: str) -> int | None:
    """The amount in the units Stripe counts this currency in; none if it cannot be said exactly."""
    if currency in _UNSUPPORTED or EXPONENTS[currency] not in (0, 2, 3):
        return None
    times, divided_by = _SCALES.get(currency, (1, 1))
    units, rest = divmod(amount * times, divided_by)
    return None if rest or (currency in _ROUNDED_TO_TEN and units % 10) else units


def _answer(status: int, document: Any) -> Accepted | Declined:
    match status, document:
        case 200, {"object": "payment_method", "id": str(reference)}:
            return Accepted(reference)
        case 200, {"object": "payment_intent", "status": "succeeded", "id": str(reference)}:
            return Accepted(reference)
        case 200, {"object": "refund", "status": "succeeded" | "pending", "id": str(reference)}:
            return Accepted(reference)  # pending at the bank, but Stripe's to finish
        case 200, {"status": "canceled" | "failed" | "requires_payment_method" as code}:
            return Declined(code)
        case 400, {"error": {"type": "idempotency_error"}}:
            raise _unavailable()  # our key was used otherwise: what became of it is unknown
        case 400 | 402 | 404, {"error": {"decline_code": str(code)} | {"code": str(code)}}:
            return Declined(code)
        case 400 | 402 | 404, {"error": {}}:
            return Declined("invalid_request")
    raise _unavailable()


def _unavailable() -> ProviderUnavailableError:
    return ProviderUnavailableError("the payment provider gave no definite answer")
