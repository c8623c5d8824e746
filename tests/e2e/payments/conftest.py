"""Fixtures of the payment service's end-to-end tests. `deployed_dev` comes from tests/e2e/conftest.py."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.payments.client import Account, Client, Deployed


@pytest.fixture(scope="module", autouse=True)
def full_bucket() -> None:
    """Begin each file with all the requests that dev lets through at once: they are back after a second."""
    time.sleep(1)


@pytest.fixture(scope="session")
def client(deployed_dev: Deployed, account: Account) -> Iterator[Client]:
    """A client of the deployed API; after the last test that uses it, no log holds what it has sent."""
    since = time.time() - 1
    client = Client(deployed_dev)
    yield client
    logged = account.logged_anywhere(since)
    assert sorted(secret for secret in client.told if secret in logged) == []


@pytest.fixture(scope="session")
def account(deployed_dev: Deployed) -> Account:
    """The account behind the deployed API."""
    return Account(deployed_dev)
