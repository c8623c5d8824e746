"""The promise of the service, under load: one key, one charge."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.payments.client import PAYMENT, Account, Client, Reply

pytestmark = pytest.mark.cloud

REQUESTS = 1000
WORKERS = 50


def test_a_thousand_requests_with_one_key_are_one_charge(client: Client, account: Account) -> None:
    """1,000 equal requests from 50 workers at once, served by at least 8 Lambda workers, charge once."""
    key = f"one-{time.time_ns()}"
    since = time.time() - 1

    def send(_: int) -> Reply:
        return client.patiently("POST", "/payments", body=PAYMENT, key=key)

    with ThreadPoolExecutor(WORKERS) as pool:
        replies = list(pool.map(send, range(REQUESTS)))

    payment = replies[0].body["id"]
    ours = [json.loads(line) for line in account.logged(since, payment) if line.startswith("{")]
    assert Counter(reply.status for reply in replies) == {201: REQUESTS}
    assert {reply.body["id"] for reply in replies} == {payment}
    assert Counter(reply.headers["Idempotent-Replayed"] for reply in replies)["false"] <= 1
    assert [line["message"] for line in ours].count("ChargeRequested") == 1
    assert [line["message"] for line in ours].count("PaymentCaptured") == 1
    assert account.events(payment) == ["0001-created.json", "0002-captured.json"]
    workers = {line["worker"] for line in ours if line["message"] == "answered"}
    assert len(workers) >= 8, f"only {len(workers)} Lambda workers were at work"


def test_refunds_at_once_never_exceed_the_payment(client: Client, account: Account) -> None:
    """Forty refunds of a tenth each, at once, give back the payment once; each is answered definitely."""
    payment = client.pay(amount=1000).body["id"]

    def send(number: int) -> Reply:
        return client.refund(payment, f"refund-{number}", amount=100)

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(send, range(40)))

    stored = account.item(payment)
    assert Counter(reply.status for reply in replies) == {201: 10, 409: 30}
    assert {reply.body["type"] for reply in replies if reply.status == 409} == {
        "urn:tollgate:problem:refund-exceeds-captured"
    }
    assert stored is not None
    assert client.call("GET", f"/payments/{payment}").body["refunded_amount"] == 1000
    assert sum("refunded" in name for name in account.events(payment)) == 10
