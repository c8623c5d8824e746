"""Parameters that several operations share."""

from payments.domain.errors import PaymentNotFoundError
from payments.entrypoints.operation import Parameter
from payments.entrypoints.schemas import PAYMENT_ID

PAYMENT_ID_IN_PATH = Parameter(
    name="id",
    place="path",
    schema=PAYMENT_ID,
    description="The payment's id.",
    # An id of another shape is as unknown as any id that was never given out.
    refusal=lambda: PaymentNotFoundError("no payment has this id"),
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place="header",
    schema={"type": "string", "pattern": "^[!-~]{1,255}$"},
    description=(
        "Your own unique name for this request, 1 to 255 visible ASCII characters. Repeating a request with "
        "its key never charges again."
    ),
)
IDEMPOTENT_REPLAYED = {
    "Idempotent-Replayed": "`true` or `false`: whether the same request was answered before."
}
LIMIT = Parameter(
    name="limit",
    place="query",
    # Fifty of the largest payments, with all their refunds, are what one answer of Lambda's can carry.
    schema={"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
    description="How many payments at most.",
    required=False,
)
CURSOR = Parameter(
    name="cursor",
    place="query",
    schema=PAYMENT_ID,
    description="Opaque: the `cursor` of the page before.",
    required=False,
)
DEFAULT_LIMIT: int = LIMIT.schema["default"]
