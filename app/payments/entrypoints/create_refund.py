"""POST /payments/{id}/refunds."""

from payments.domain.errors import (
    BusyError,
    IdempotencyMismatchError,
    NotRefundableError,
    OutcomeUnknownError,
    PaymentNotFoundError,
    ProviderUnavailableError,
    RefundDeclinedError,
    RefundExceedsCapturedError,
    RequestInProgressError,
)
from payments.entrypoints.operation import Answer, Context, Operation, Request
from payments.entrypoints.parameters import IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, PAYMENT_ID_IN_PATH
from payments.entrypoints.views import refund_view
from payments.service.create_refund import create_refund

OPERATION = Operation(
    id="createRefund",
    method="POST",
    path="/payments/{id}/refunds",
    summary="Give a captured amount back, whole or in part, exactly once per idempotency key.",
    body="CreateRefund",
    parameters=(PAYMENT_ID_IN_PATH, IDEMPOTENCY_KEY),
    status=201,
    answer="Refund",
    answer_description="The refund.",
    headers=IDEMPOTENT_REPLAYED,
    errors=(
        RefundDeclinedError,
        PaymentNotFoundError,
        RequestInProgressError,
        BusyError,
        OutcomeUnknownError,
        NotRefundableError,
        RefundExceedsCapturedError,
        IdempotencyMismatchError,
        ProviderUnavailableError,
    ),
)


def serve(request: Request, context: Context) -> Answer:
    """Give money back."""
    payment, refund, replayed = create_refund(
        context.ports,
        request.values["id"],
        amount=request.body.get("amount"),
        client=request.client,
        idempotency_key=request.values["Idempotency-Key"],
    )
    return Answer(
        body=refund_view(payment, refund),
        headers={"Idempotent-Replayed": str(replayed).lower()},
        payment_id=payment.id,
    )
