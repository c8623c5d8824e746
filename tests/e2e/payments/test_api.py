"""Every operation over HTTP, through API Gateway, as the deployed role."""

import time
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest

from tests.e2e.payments.client import PAYMENT, Account, Client, Deployed

pytestmark = pytest.mark.cloud


def test_a_payment_is_made_read_and_recorded(client: Client, account: Account) -> None:
    """A payment is answered, reads as answered, stands in the table, and has its log and its receipt."""
    made = client.pay(metadata={"order": "7", "note": "\u00fcber \uc6d0, \U0001f600"})
    payment = made.body["id"]

    read = client.call("GET", f"/payments/{payment}")
    receipt = client.call("GET", f"/payments/{payment}/receipt")

    assert (made.status, made.body["status"], made.body["records"]) == (201, "captured", "complete")
    assert read.body == made.body
    assert receipt.body["amount"] == 1500
    assert account.item(payment) is not None
    assert account.events(payment) == ["0001-created.json", "0002-captured.json"]


def test_the_location_leads_to_the_payment(client: Client, deployed_dev: Deployed) -> None:
    """The Location header, resolved as a browser would, is the payment's URL."""
    made = client.pay()

    assert urljoin(f"{deployed_dev.url}/payments", made.headers["Location"]) == (
        f"{deployed_dev.url}/payments/{made.body['id']}"
    )


def test_a_repeated_request_is_the_same_payment(client: Client) -> None:
    """The same key gives the same payment; another body under it is 422."""
    key = f"repeat-{time.time_ns()}"
    first, second, other = client.pay(key), client.pay(key), client.pay(key, amount=1)

    assert first.body == second.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (other.status, other.body["type"]) == (422, "urn:tollgate:problem:idempotency-mismatch")


def test_refunds_stop_at_what_was_captured(client: Client, account: Account) -> None:
    """Part, rest, and then no more; every step is logged."""
    payment = client.pay().body["id"]

    part, rest, beyond = (
        client.refund(payment, amount=500),
        client.refund(payment),
        client.refund(payment, amount=1),
    )

    assert [part.status, rest.status, beyond.status] == [201, 201, 409]
    assert (part.body["amount"], rest.body["amount"]) == (500, 1000)
    assert client.call("GET", f"/payments/{payment}").body["status"] == "refunded"
    assert len(account.events(payment)) == 6


def listed(client: Client, path: str, query: dict[str, str]) -> list[str]:
    """The ids on every page of a listing; other tests may be paying meanwhile."""
    page = client.call("GET", path, query=query).body
    ids = [payment["id"] for payment in page["payments"]]
    return ids + (listed(client, path, query | {"cursor": page["cursor"]}) if "cursor" in page else [])


def test_lists_are_paged_newest_first(client: Client) -> None:
    """A customer's payments come page by page, newest first, each once; the day's list holds them too."""
    customer = f"cus_{time.time_ns()}"
    made = [client.pay(customer_id=customer).body["id"] for _ in range(3)]

    first = client.call("GET", f"/customers/{customer}/payments", query={"limit": "2"}).body
    second = client.call(
        "GET", f"/customers/{customer}/payments", query={"limit": "2", "cursor": first["cursor"]}
    ).body
    today = {"date": datetime.now(UTC).date().isoformat(), "limit": "50"}

    assert [payment["id"] for payment in first["payments"] + second["payments"]] == made[::-1]
    assert "cursor" not in second
    assert set(made) <= set(listed(client, "/payments", today))


@pytest.mark.parametrize(
    ("token", "status", "kind"),
    [
        ("tok_declined", 402, "payment-declined"),
        ("tok_timeout", 503, "provider-unavailable"),
    ],
)
def test_the_sandbox_decides_by_token(client: Client, token: str, status: int, kind: str) -> None:
    """Declines and timeouts can be had by token, as problem documents with the request's id."""
    reply = client.pay(payment_method=token)

    assert (reply.status, reply.body["type"]) == (status, f"urn:tollgate:problem:{kind}")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["request_id"]


def test_a_slow_answer_arrives(client: Client) -> None:
    """A charge that takes two seconds is captured."""
    assert client.pay(payment_method="tok_slow").body["status"] == "captured"


def test_health_needs_no_key(client: Client, deployed_dev: Deployed) -> None:
    """Health answers without a key and names the release."""
    reply = client.call("GET", "/health", api_key=None)

    assert (reply.status, reply.body["status"]) == (200, "ok")
    assert reply.body["release"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/x"), ("GET", "/customers/c/payments")],
)
def test_everything_else_needs_a_key(client: Client, method: str, path: str) -> None:
    """Without a key, or with a wrong one, the answer is 403 in the error shape, from API Gateway."""
    for api_key in (None, "not-a-key-of-anybody-at-all"):
        reply = client.call(
            method, path, body=PAYMENT if method == "POST" else None, key="k", api_key=api_key
        )

        assert (reply.status, reply.headers["Content-Type"]) == (403, "application/problem+json")
        assert set(reply.body) >= {"type", "title", "status", "request_id"}


GOOD = {"amount": 1, "currency": "KRW", "customer_id": "c", "payment_method": "tok_1"}


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"{", "k"),
        (b"[]", "k"),
        ({"amount": 1500}, "k"),
        (GOOD | {"amount": "1500"}, "k"),
        (GOOD | {"amount": -1}, "k"),
        (GOOD | {"amount": 99_999_999_999}, "k"),
        (GOOD | {"currency": "KRX"}, "k"),
        (GOOD | {"payment_method": "4242424242424242"}, "k"),
        (GOOD | {"metadata": {"k": "\ud800"}}, "k"),
        (GOOD | {"metadata": {"k": "\u0000"}}, "k"),
        (GOOD | {"metadata": {"k": "x" * 70_000}}, "k"),
        (GOOD, None),
        (GOOD, "k" * 256),
    ],
)
def test_a_refused_request_writes_nothing(
    client: Client, account: Account, data: object, key: str | None
) -> None:
    """Whoever refuses it, API Gateway or the function: a problem document, and nothing in the table."""
    before = account.items()

    if isinstance(data, bytes):
        reply = client.call("POST", "/payments", data=data, key=key)
    else:
        reply = client.call("POST", "/payments", body=data, key=key)

    assert reply.status in {400, 413}
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["type"].startswith("urn:tollgate:problem:")
    assert account.items() == before


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"amount": 1500}, "currency"),
        (GOOD | {"amount": "1500"}, "amount"),
        (GOOD | {"currency": "KRX"}, "currency"),
        (GOOD | {"customer_id": ""}, "customer_id"),
        (GOOD | {"metadata": {"k": "\u0000"}}, "metadata"),
        (GOOD | {"colour": "blue"}, "colour"),
    ],
)
def test_a_refused_body_says_which_field(client: Client, data: dict[str, object], named: str) -> None:
    """Whether API Gateway or the function refuses a body, the problem's detail names the field that is wrong."""
    reply = client.call("POST", "/payments", body=data, key="k")

    assert reply.status == 400
    assert named in reply.body["detail"]


def test_no_log_holds_what_a_log_must_not(client: Client, account: Account) -> None:
    """After a payment, a decline and a refusal, no log of the account holds a token, key or customer."""
    since = time.time() - 1
    marked = {"customer_id": "cus_in_no_log", "metadata": {"note": "words-in-no-log"}}
    for token in ("tok_in_no_log", "tok_declined", "tok_timeout"):
        client.pay(f"key-in-no-log-{time.time_ns()}", payment_method=token, **marked)

    client.call("GET", "/customers/cus_in_no_log/payments")

    text = account.logged_anywhere(since)
    assert text.count("ChargeRequested") >= 3
    for secret in ("in_no_log", "in-no-log", "tok_declined", "tok_timeout", *client.told):
        assert secret not in text
