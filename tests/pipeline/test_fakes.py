"""The fakes do what the real things do, as far as tests rest on it."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.fakes import FakePaymentApi

_PAYMENT = {"amount": 1500, "currency": "KRW", "customer_id": "cus_1", "payment_method": "tok_visa"}


@pytest.fixture
def api() -> Iterator[FakePaymentApi]:
    """A fake API that answers."""
    with FakePaymentApi("sha256:abc") as api:
        yield api


def _post(api: FakePaymentApi, body: dict[str, object], key: str = "one", **headers: str) -> httpx.Response:
    sent = {"x-api-key": api.api_key, "Idempotency-Key": key} | headers
    return httpx.post(f"{api.url}/payments", json=body, headers=sent, trust_env=False, timeout=120)


def _get(api: FakePaymentApi, path: str, key: str | None = None) -> httpx.Response:
    headers = {"x-api-key": api.api_key if key is None else key}
    return httpx.get(f"{api.url}{path}", headers=headers, trust_env=False, timeout=120)


def test_a_payment_is_created_once_and_read_back(api: FakePaymentApi) -> None:
    """One idempotency key makes one payment, which is then there to be read."""
    first, again, other = _post(api, _PAYMENT), _post(api, _PAYMENT), _post(api, _PAYMENT, "two")

    assert (first.status_code, again.json()) == (201, first.json())
    assert other.json()["id"] != first.json()["id"]
    assert _get(api, f"/payments/{first.json()['id']}").json() == first.json()
    assert len(api.payments) == 2


def test_what_the_real_one_refuses_it_refuses(api: FakePaymentApi) -> None:
    """No key is 403, a bad body 400, an unknown payment 404, and health needs no key."""
    statuses = [
        _get(api, "/payments/pay_0", key="").status_code,
        _post(api, _PAYMENT, **{"x-api-key": "wrong"}).status_code,
        _post(api, {"amount": "a lot"}).status_code,
        _get(api, "/payments/pay_0").status_code,
        _get(api, "/health", key="").status_code,
    ]

    api.is_open = True

    assert _get(api, "/payments/pay_0", key="").status_code == 404
    assert statuses == [403, 403, 400, 404, 200]
    assert _get(api, "/health").json() == {"release": "sha256:abc"}


def test_its_moods_are_what_they_are_called(api: FakePaymentApi) -> None:
    """It is unready for as many calls as it is told, broken where it is told, and remembers every call."""
    api.unready = 1
    api.broken["/health"] = (500, b"oh")

    assert [_get(api, "/health").status_code for _ in range(2)] == [503, 500]
    assert api.calls == ["GET /health", "GET /health"]


def test_silence_lasts_until_it_is_ended(api: FakePaymentApi) -> None:
    """While it is silent nothing is answered, and then everything is."""
    api.silent = threading.Event()
    with pytest.raises(httpx.TimeoutException):
        httpx.get(f"{api.url}/health", timeout=0.3, trust_env=False)
    api.silent.set()

    assert _get(api, "/health").status_code == 200
