"""Read the stored receipt of a captured payment."""

from payments.domain.errors import ReceiptNotFoundError, StorageUnavailableError
from payments.domain.payment import Status
from payments.domain.ports import Ports
from payments.service.get_payment import get_payment


def get_receipt(ports: Ports, payment_id: str) -> dict[str, str | int]:
    """Return the receipt as it is stored; a receipt that is still owed is written first."""
    payment = get_payment(ports, payment_id)
    if payment.status is not Status.CAPTURED:
        raise ReceiptNotFoundError("only a captured payment has a receipt", payment_id=payment_id)
    if any(event.kind == "captured" for event in payment.outbox):
        raise StorageUnavailableError("the receipt is not written yet", payment_id=payment_id)
    return ports.receipts.get(payment_id)
