"""Fixtures of the payment service's unit tests."""

import logging

import pytest

from tests.unit.payments.http import Api
from tests.unit.payments.memory import World


@pytest.fixture(autouse=True)
def _powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that Powertools itself reads, as infra sets them."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "payments")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tollgate/Payments")
    # A logger is set up once per process, on the standard output of that moment; here, once per test.
    logging.Logger.manager.loggerDict.pop("payments", None)


@pytest.fixture
def world() -> World:
    """A new world."""
    return World()


@pytest.fixture
def api(world: World) -> Api:
    """The service in that world."""
    return Api(world)
