"""POST /payments."""

from payments.domain.errors import (
    IdempotencyMismatchError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    ProviderUnavailableError,
    RequestInProgressError,
)
from payments.entrypoints.operation import Answer, Context, Operation, Request
from payments.entrypoints.parameters import IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED
from payments.entrypoints.views import payment_view
from payments.service.create_payment import PaymentRequest, create_payment

OPERATION = Operation(
    id="createPayment",
    method="POST",
    path="/payments",
    summary="Charge a customer, exactly once per idempotency key.",
    body="CreatePayment",
    parameters=(IDEMPOTENCY_KEY,),
    status=201,
    answer="Payment",
    answer_description="The payment.",
    headers={"Location": "Where the payment can be read, relative to this request's URL."}
    | IDEMPOTENT_REPLAYED,
    errors=(
        PaymentDeclinedError,
        RequestInProgressError,
        OutcomeUnknownError,
        IdempotencyMismatchError,
        ProviderUnavailableError,
    ),
)


def serve(request: Request, context: Context) -> Answer:
    """Charge a customer."""
    payment, replayed = create_payment(
        context.ports,
        PaymentRequest(**{"metadata": {}} | dict(request.body)),
        client=request.client,
        idempotency_key=request.values["Idempotency-Key"],
        max_amount=context.settings.max_amount_minor,
    )
    return Answer(
        body=payment_view(payment),
        # Relative to the request's own URL, so that it is right under any stage or domain name.
        headers={"Location": f"payments/{payment.id}", "Idempotent-Replayed": str(replayed).lower()},
        payment_id=payment.id,
    )
