import subprocess
import sys
from pathlib import Path

import pytest

from payments.settings import Settings, SettingsError

COMPLETE = {
    "ENVIRONMENT": "dev",
    "ENVIRONMENT_SUFFIX": "pr-42",
    "RELEASE": "unreleased",
    "TRANSACTIONS_TABLE": "transactions-pr-42",
    "TRANSACTION_LOG_BUCKET": "log",
    "RECEIPTS_BUCKET": "receipts",
    "CUSTOMER_INDEX": "customer-index",
    "DATE_INDEX": "date-index",
    "PAYMENT_PROVIDER": "sandbox",
    "PAYMENT_PROVIDER_SECRET": "payments/provider",
    "MAX_AMOUNT_MINOR": "1000000",
    "RECEIPT_RETENTION_DAYS": "90",
}


def test_settings_are_typed() -> None:
    """Every variable arrives in its field, limit and days as numbers."""
    settings = Settings.read(COMPLETE)

    assert settings.environment_suffix == "pr-42"
    assert (settings.max_amount_minor, settings.receipt_retention_days) == (1_000_000, 90)


@pytest.mark.parametrize("name", COMPLETE)
def test_each_setting_is_needed(name: str) -> None:
    """A variable that is missing or blank is named."""
    with pytest.raises(SettingsError, match=name):
        Settings.read(COMPLETE | {name: "  "})


def test_all_that_is_missing_is_said_at_once() -> None:
    """Nobody has to find the missing variables one by one."""
    with pytest.raises(SettingsError, match="CUSTOMER_INDEX, DATE_INDEX, ENVIRONMENT"):
        Settings.read({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYMENT_PROVIDER", "paypal"),
        ("MAX_AMOUNT_MINOR", "0"),
        ("MAX_AMOUNT_MINOR", "-1"),
        ("MAX_AMOUNT_MINOR", "1e6"),
        ("MAX_AMOUNT_MINOR", "1" * 13),
        ("RECEIPT_RETENTION_DAYS", "0"),
        ("RECEIPT_RETENTION_DAYS", "ninety"),
        ("RECEIPT_RETENTION_DAYS", "10000"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """A variable with a value that makes no sense is named."""
    with pytest.raises(SettingsError, match=name):
        Settings.read(COMPLETE | {name: value})


def test_a_missing_variable_stops_the_cold_start_with_one_line() -> None:
    """Without its environment importing the handler ends the process after one line of what is missing."""
    app = Path(__file__).parents[3] / "app"
    run = subprocess.run(
        [sys.executable, "-c", "import payments.entrypoints.api"],
        env={"PYTHONPATH": str(app), "POWERTOOLS_SERVICE_NAME": "payments"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    lines = (run.stdout + run.stderr).splitlines()
    assert run.returncode == 1
    assert len(lines) == 1
    assert "cannot start: the environment lacks CUSTOMER_INDEX, DATE_INDEX" in lines[0]
