"""The API's models as JSON Schema (draft 4): what requests are checked against, and what is published."""

from typing import Any

from payments.domain.currency import EXPONENTS
from payments.domain.identity import PAYMENT_ID_PATTERN

# More than any sensible request needs, little enough to read without a second thought.
MAX_BODY_CHARACTERS = 64 * 1024

# The largest amount any environment may allow (MAX_AMOUNT_MINOR): exact in every JSON reader.
MAX_AMOUNT = 999_999_999_999

CUSTOMER_ID = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{1,64}$",
    "description": "Your own opaque id of the customer; no name, no address.",
}
AMOUNT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_AMOUNT,
    "description": "Minor units of the currency: 1234 is 12.34 USD, or 1234 KRW.",
}
CURRENCY = {"type": "string", "enum": sorted(EXPONENTS), "description": "ISO 4217 code."}
PAYMENT_ID = {"type": "string", "pattern": PAYMENT_ID_PATTERN}
TIMESTAMP = {"type": "string", "format": "date-time", "description": "UTC."}
DATE = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
METADATA = {
    "type": "object",
    "maxProperties": 20,
    "description": "Up to 20 short texts of your own, given back with the payment; not for personal data.",
    "patternProperties": {"^[A-Za-z0-9_.-]{1,40}$": {"type": "string", "maxLength": 500}},
    "additionalProperties": False,
}
RECORDS = {
    "type": "string",
    "enum": ["complete", "pending"],
    "description": "Whether log and receipt are written; any later request finishes pending ones.",
}


def _object(
    description: str, required: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    schema = {
        "type": "object",
        "description": description,
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }
    return schema | ({"required": sorted(required)} if required else {})  # draft 4 forbids an empty list


CREATE_PAYMENT = _object(
    "A payment to make.",
    {
        "amount": AMOUNT,
        "currency": CURRENCY,
        "customer_id": CUSTOMER_ID,
        "payment_method": {
            "type": "string",
            "pattern": "^(tok|pm)_[A-Za-z0-9_]{1,128}$",
            "description": "The provider's token for a card or account; never a card number.",
        },
    },
    {"metadata": METADATA},
)

CREATE_REFUND = _object(
    "What to give back.",
    {},
    {"amount": AMOUNT | {"description": "Minor units; all that is left when absent."}},
)

REFUND = _object(
    "Money given back.",
    {
        "id": {"type": "string", "pattern": "^re_[0-9a-f]{40}$"},
        "payment_id": PAYMENT_ID,
        "status": {"type": "string", "enum": ["pending", "succeeded", "declined"]},
        "amount": AMOUNT,
        "currency": CURRENCY,
        "created_at": TIMESTAMP,
    },
    {"decline_code": {"type": "string"}},
)

PAYMENT = _object(
    "A payment.",
    {
        "id": PAYMENT_ID,
        "status": {
            "type": "string",
            "enum": ["pending", "captured", "declined", "partially_refunded", "refunded"],
        },
        "amount": AMOUNT,
        "refunded_amount": {
            "type": "integer",
            "minimum": 0,
            "description": "Minor units already given back.",
        },
        "currency": CURRENCY,
        "customer_id": CUSTOMER_ID,
        "metadata": METADATA,
        "created_at": TIMESTAMP,
        "records": RECORDS,
        "refunds": {"type": "array", "items": {"$ref": "#/components/schemas/Refund"}},
    },
    {"decline_code": {"type": "string", "description": "Why the provider declined."}},
)

PAYMENT_PAGE = _object(
    "Some payments, newest first.",
    {"payments": {"type": "array", "items": {"$ref": "#/components/schemas/Payment"}}},
    {
        "cursor": {
            "type": "string",
            "description": "Give it back as `cursor` for the next page; absent on the last.",
        }
    },
)

RECEIPT = _object(
    "What the customer paid.",
    {
        "payment_id": PAYMENT_ID,
        "amount": AMOUNT,
        "amount_in_major_units": {"type": "string", "description": "The amount as people write it."},
        "currency": CURRENCY,
        "customer_id": CUSTOMER_ID,
        "captured_at": TIMESTAMP,
        "provider_reference": {"type": "string", "description": "The provider's own id of the charge."},
    },
)

HEALTH = _object(
    "That the service runs, and which release.",
    {
        "status": {"type": "string", "enum": ["ok"]},
        "release": {"type": "string", "description": "Digest of the release."},
    },
)

PROBLEM = _object(
    "A problem document (RFC 9457).",
    {
        "type": {"type": "string", "description": "Which problem; stable, for programs."},
        "title": {"type": "string", "description": "Which problem, for people."},
        "detail": {"type": "string", "description": "What is wrong this time."},
        "request_id": {"type": "string", "description": "Name it when you ask us about the problem."},
    },
    {
        # API Gateway has one answer for several statuses, and no way to name the one it gives.
        "status": {
            "type": "integer",
            "minimum": 400,
            "maximum": 599,
            "description": "The HTTP status; absent where API Gateway refuses for a reason it has no name for.",
        },
        "field": {"type": "string", "description": "The part of the request that is wrong."},
        "payment_id": {"type": "string", "description": "The payment concerned."},
    },
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "CreatePayment": CREATE_PAYMENT,
    "CreateRefund": CREATE_REFUND,
    "Health": HEALTH,
    "Payment": PAYMENT,
    "PaymentPage": PAYMENT_PAGE,
    "Problem": PROBLEM,
    "Receipt": RECEIPT,
    "Refund": REFUND,
}
