"""The Stripe adapter against canned answers; tests/e2e/payments/test_stripe_mock.py asks stripe-mock."""

import json
from http.client import HTTPConnection, RemoteDisconnected
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.stripe import StripeProvider, stripe_amount
from payments.domain.currency import EXPONENTS
from payments.domain.errors import ProviderUnavailableError
from payments.domain.ports import Accepted, Declined

PAID = {"object": "payment_intent", "id": "pi_1", "status": "succeeded"}
VISA = "pm_card_visa"


class Stripe:
    """A connection that answers once, as told, and remembers what it was asked."""

    def __init__(self, status: int, document: object, *, error: Exception | None = None) -> None:
        self.status = status
        self.closed = False
        self.asked: dict[str, Any] = {}
        self._body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self._error = error

    def request(self, method: str, path: str, body: str, headers: dict[str, str]) -> None:
        """Remember the question."""
        form = {name: texts[0] for name, texts in parse_qs(body).items()}
        self.asked = {"method": method, "path": path, "headers": headers, "form": form}

    def getresponse(self) -> "Stripe":
        """Answer, or fail."""
        if self._error:
            raise self._error
        return self

    def read(self) -> bytes:
        """The answer's body."""
        return BytesIO(self._body).read()

    def close(self) -> None:
        """Hang up."""
        self.closed = True


def provider(stripe: Stripe) -> StripeProvider:
    """The adapter, connected to canned answers."""
    connection: Any = stripe
    assert not isinstance(connection, HTTPConnection)
    return StripeProvider(lambda: "sk_test_1", lambda: connection)


def charge(stripe: Stripe, *, token: str = VISA, currency: str = "USD") -> Accepted | Declined:
    """Charge 1500 minor units."""
    return provider(stripe).charge("pay_1", amount=1500, currency=currency, token=token)


def test_a_charge_is_asked_for_as_stripe_documents_it() -> None:
    """A charge carries our key, the secret, a pinned version and the payment's id."""
    stripe = Stripe(200, PAID)

    assert charge(stripe) == Accepted("pi_1")
    assert (stripe.asked["method"], stripe.asked["path"]) == ("POST", "/v1/payment_intents")
    assert stripe.asked["headers"]["Idempotency-Key"] == "pay_1"
    assert stripe.asked["headers"]["Authorization"] == "Bearer sk_test_1"
    assert stripe.asked["form"] == {
        "amount": "1500",
        "currency": "usd",
        "confirm": "true",
        "error_on_requires_action": "true",
        "metadata[payment_id]": "pay_1",
        "payment_method": "pm_card_visa",
        "payment_method_types[]": "card",
    }
    assert stripe.closed


def test_a_card_token_becomes_a_payment_method_first() -> None:
    """A token is turned into a payment method under a key derived from ours, then charged."""
    connections = [Stripe(200, {"object": "payment_method", "id": "pm_1"}), Stripe(200, PAID)]
    waiting: list[Any] = list(connections)
    stripe = StripeProvider(lambda: "sk_test_1", lambda: waiting.pop(0))

    assert stripe.charge("pay_1", amount=1, currency="USD", token="tok_visa") == Accepted("pi_1")
    assert connections[0].asked["form"] == {"type": "card", "card[token]": "tok_visa"}
    assert connections[0].asked["headers"]["Idempotency-Key"] == "pay_1-method"
    assert connections[1].asked["form"]["payment_method"] == "pm_1"


def test_a_card_token_that_is_refused_is_declined() -> None:
    """A token that Stripe does not know is declined, and no charge is asked for."""
    refusal = {"error": {"type": "invalid_request_error", "code": "resource_missing"}}

    assert charge(Stripe(404, refusal), token="tok_unknown") == Declined("resource_missing")


def test_a_refund_names_its_charge() -> None:
    """A refund carries its own key and the charge's id; one still on its way counts."""
    stripe = Stripe(200, {"object": "refund", "id": "re_1", "status": "pending"})
    answer = provider(stripe).refund("re_key", charge="pi_1", amount=500, currency="USD")

    assert answer == Accepted("re_1")
    assert stripe.asked["path"] == "/v1/refunds"
    assert stripe.asked["headers"]["Idempotency-Key"] == "re_key"
    assert stripe.asked["form"]["payment_intent"] == "pi_1"
    assert stripe.asked["form"]["amount"] == "500"


@pytest.mark.parametrize(
    ("status", "document", "code"),
    [
        (
            402,
            {"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}},
            "lost_card",
        ),
        (402, {"error": {"type": "card_error", "code": "expired_card"}}, "expired_card"),
        (400, {"error": {"type": "invalid_request_error"}}, "invalid_request"),
        (404, {"error": {"type": "invalid_request_error", "code": "resource_missing"}}, "resource_missing"),
        (200, PAID | {"status": "requires_payment_method"}, "requires_payment_method"),
    ],
)
def test_a_definite_no_is_declined(status: int, document: object, code: str) -> None:
    """What Stripe refused for good is declined, with Stripe's code."""
    assert charge(Stripe(status, document)) == Declined(code)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (400, {"error": {"type": "idempotency_error"}}),
        (401, {"error": {"type": "invalid_request_error"}}),
        (403, {"error": {}}),
        (409, {"error": {"code": "idempotency_key_in_use"}}),
        (429, {"error": {}}),
        (500, {"error": {"type": "api_error"}}),
        (302, {}),
        (200, b"<html>"),
        (200, b""),
        (200, PAID | {"status": "processing"}),
        (200, {"object": "something else"}),
        (200, []),
    ],
)
def test_whatever_leaves_it_open_is_no_answer(status: int, document: object) -> None:
    """An answer that does not say whether money moved is not taken for one."""
    with pytest.raises(ProviderUnavailableError, match="no definite answer"):
        charge(Stripe(status, document))


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), RemoteDisconnected(""), OSError()])
def test_a_broken_connection_is_no_answer(error: Exception) -> None:
    """A connection that breaks leaves the outcome open, and is closed."""
    stripe = Stripe(200, PAID, error=error)

    with pytest.raises(ProviderUnavailableError, match="no definite answer"):
        charge(stripe)
    assert stripe.closed


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (1234, "USD", 1234),
        (1234, "KRW", 1234),
        (5, "ISK", 500),
        (500, "MGA", 5),
        (501, "MGA", None),
        (1230, "KWD", 1230),
        (1234, "KWD", None),
        (1, "CLF", None),
        (1, "UGX", None),
    ],
)
def test_amounts_are_said_in_stripes_units(amount: int, currency: str, units: int | None) -> None:
    """Where Stripe counts otherwise than ISO, the amount is converted exactly or not at all."""
    assert stripe_amount(amount, currency) == units


@given(amount=st.integers(1, 10**12), currency=st.sampled_from(sorted(EXPONENTS)))
def test_no_amount_is_ever_rounded(amount: int, currency: str) -> None:
    """Any amount that is sent is the amount that was asked for, by Stripe's own count of decimals."""
    units = stripe_amount(amount, currency)
    decimals = {"ISK": 2, "MGA": 0}.get(currency, EXPONENTS[currency])

    assert units is None or units * 10 ** EXPONENTS[currency] == amount * 10**decimals


def test_what_stripe_cannot_count_is_not_sent() -> None:
    """A charge or refund in a currency without a certain unit is declined without a question."""
    stripe = Stripe(200, PAID)

    assert charge(stripe, currency="UGX") == Declined("amount_or_currency_not_supported")
    assert provider(stripe).refund("r", charge="pi_1", amount=1, currency="UGX") == Declined(
        "amount_or_currency_not_supported"
    )
    assert stripe.asked == {}
