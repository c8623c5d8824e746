"""GET /payments/{id}."""

from payments.domain.errors import PaymentNotFoundError
from payments.entrypoints.operation import Answer, Context, Operation, Request
from payments.entrypoints.parameters import PAYMENT_ID_IN_PATH
from payments.entrypoints.views import payment_view
from payments.service.get_payment import get_payment

OPERATION = Operation(
    id="getPayment",
    method="GET",
    path="/payments/{id}",
    summary="Read a payment.",
    parameters=(PAYMENT_ID_IN_PATH,),
    answer="Payment",
    answer_description="The payment.",
    errors=(PaymentNotFoundError,),
)


def serve(request: Request, context: Context) -> Answer:
    """Read a payment."""
    payment = get_payment(context.ports, request.values["id"])
    return Answer(body=payment_view(payment), payment_id=payment.id)
