"""What the environment decides, typed, read once at cold start. Nothing else in this package reads it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields


class SettingsError(Exception):
    """Raised when the environment lacks a setting or holds a wrong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The function's environment variables; each field is the variable of the same name in upper case.

    Attributes:
        environment: dev, staging or prod.
        environment_suffix: The instance: the environment's name, or e.g. pr-42.
        release: Digest of the release this function came with.
        transactions_table: DynamoDB table of the payments.
        transaction_log_bucket: S3 bucket of the state changes.
        receipts_bucket: S3 bucket of the receipts.
        customer_index: Index of the table by customer.
        date_index: Index of the table by transaction date.
        payment_provider: `sandbox` or `stripe`.
        payment_provider_secret: Name of the Secrets Manager secret that holds the provider's API key.
        max_amount_minor: The largest amount of one payment, in minor units.
        receipt_retention_days: Days after which the receipts bucket removes a receipt.
    """

    environment: str
    environment_suffix: str
    release: str
    transactions_table: str
    transaction_log_bucket: str
    receipts_bucket: str
    customer_index: str
    date_index: str
    payment_provider: str
    payment_provider_secret: str
    max_amount_minor: int
    receipt_retention_days: int

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check every setting; name all that are wrong at once."""
        values = {field.name: environ.get(field.name.upper(), "").strip() for field in fields(cls)}
        missing = sorted(name.upper() for name, value in values.items() if not value)
        if missing:
            raise SettingsError(f"the environment lacks {', '.join(missing)}")
        if values["payment_provider"] not in ("sandbox", "stripe"):
            raise SettingsError("PAYMENT_PROVIDER must be sandbox or stripe")
        numbers = {
            "max_amount_minor": _number("MAX_AMOUNT_MINOR", values["max_amount_minor"], 12),
            "receipt_retention_days": _number("RECEIPT_RETENTION_DAYS", values["receipt_retention_days"], 4),
        }
        return cls(**values | numbers)  # type: ignore[arg-type]  # fields() has no types


def _number(name: str, text: str, digits: int) -> int:
    if not re.fullmatch(rf"[1-9][0-9]{{0,{digits - 1}}}", text):
        raise SettingsError(f"{name} must be a whole number from 1 to {'9' * digits}")
    return int(text)
