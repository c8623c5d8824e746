"""The Stripe adapter against stripe-mock, Stripe's own server, which checks requests by its OpenAPI document.

It is stateless: it remembers no key and declines no card. So it shows that our requests are valid and its
answers understood; what follows from other answers is in tests/unit/payments/test_stripe.py.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from payments.adapters.stripe import StripeProvider
from payments.domain.errors import ProviderUnavailableError
from payments.domain.ports import Accepted, Declined

STRIPE_MOCK = "github.com/stripe/stripe-mock@v0.203.0"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stripe-mock program, from Go's module proxy; without it, the reason is told."""
    found = shutil.which("stripe-mock")
    if found:
        return Path(found)
    go = shutil.which("go")
    if not go:
        pytest.skip("stripe-mock is not installed, and there is no Go to install it with")
    folder = tmp_path_factory.mktemp("go")
    try:
        installed = subprocess.run(
            [go, "install", STRIPE_MOCK],
            env={**os.environ, "GOBIN": str(folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("Go did not install stripe-mock within 300 s")
    if installed.returncode:
        pytest.skip(f"Go could not install stripe-mock: {installed.stderr.strip().splitlines()[-1]}")
    return folder / "stripe-mock"


@pytest.fixture(scope="module")
def port(program: Path) -> Iterator[int]:
    """The port of a running stripe-mock: loopback for HTTPS too, which it would else offer to everyone."""
    listen = ["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]
    with subprocess.Popen([program, *listen], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield next(
                int(line.rpartition(":")[2])
                for line in server.stdout
                if line.startswith("Listening for HTTP at address")
            )
        finally:
            server.terminate()


def provider(port: int, key: str = "sk_test_123") -> StripeProvider:
    """The adapter, connected to stripe-mock."""
    return StripeProvider(lambda: key, lambda: HTTPConnection("127.0.0.1", port, timeout=120))


@pytest.mark.parametrize("token", ["tok_visa", "pm_card_visa"])
def test_a_charge_is_a_valid_request(port: int, token: str) -> None:
    """Stripe's own document accepts every field of a charge, and its PaymentIntent is read as it is meant."""
    answer = provider(port).charge("pay_1", amount=1500, currency="USD", token=token)

    # The mock's example of a PaymentIntent still waits for a payment method: a definite no, not an error.
    assert answer == Declined("requires_payment_method")


def test_a_refund_is_a_valid_request(port: int) -> None:
    """Stripe's own document accepts every field of a refund, and its Refund is taken for done."""
    answer = provider(port).refund("re_1", charge="pi_123", amount=500, currency="USD")

    assert isinstance(answer, Accepted)
    assert answer.reference.startswith("re_")


def test_the_mock_does_check_requests(port: int) -> None:
    """A request that breaks Stripe's document is refused, so the tests above could fail."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": "Bearer sk_test_123", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/v1/payment_intents", "amount=1&currency=usd&no_such_field=1", headers)

    status = connection.getresponse().status
    connection.close()
    assert status == 400


def test_a_refused_secret_is_no_answer(port: int) -> None:
    """A secret that Stripe does not accept charges nobody and declines nobody."""
    with pytest.raises(ProviderUnavailableError, match="no definite answer"):
        provider(port, key="not-a-key").charge("pay_1", amount=1500, currency="USD", token="tok_visa")
