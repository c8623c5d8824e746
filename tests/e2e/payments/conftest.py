"""Fixtures of the payment service's end-to-end tests. `deployed_dev` comes from tests/e2e/conftest.py."""

import pytest

from tests.e2e.payments.client import Account, Client, Deployed


@pytest.fixture(scope="session")
def client(deployed_dev: Deployed) -> Client:
    """A client of the deployed API."""
    return Client(deployed_dev)


@pytest.fixture(scope="session")
def account(deployed_dev: Deployed) -> Account:
    """The account behind the deployed API."""
    return Account(deployed_dev)
