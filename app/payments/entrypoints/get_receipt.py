"""GET /payments/{id}/receipt."""

from payments.domain.errors import PaymentNotFoundError, ReceiptNotFoundError
from payments.entrypoints.operation import Answer, Context, Operation, Request
from payments.entrypoints.parameters import PAYMENT_ID_IN_PATH
from payments.service.get_receipt import get_receipt

OPERATION = Operation(
    id="getReceipt",
    method="GET",
    path="/payments/{id}/receipt",
    summary="Read the stored receipt of a captured payment.",
    parameters=(PAYMENT_ID_IN_PATH,),
    answer="Receipt",
    answer_description="The receipt.",
    errors=(PaymentNotFoundError, ReceiptNotFoundError),
)


def serve(request: Request, context: Context) -> Answer:
    """Read a receipt."""
    days = context.settings.receipt_retention_days
    receipt = get_receipt(context.ports, request.values["id"], retention_days=days)
    return Answer(body=receipt, payment_id=request.values["id"])
