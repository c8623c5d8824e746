"""Read the stored receipt of a captured payment."""

from datetime import timedelta

from payments.domain.errors import ReceiptNotFoundError, StorageUnavailableError
from payments.domain.payment import Status, timestamp
from payments.domain.ports import Ports
from payments.service.get_payment import get_payment


def get_receipt(ports: Ports, payment_id: str, *, retention_days: int) -> dict[str, str | int]:
    """Return the receipt as it is stored; one that is still owed is written first, one past its time is gone."""
    payment = get_payment(ports, payment_id)
    if payment.status is not Status.CAPTURED:
        raise ReceiptNotFoundError("only a captured payment has a receipt", payment_id=payment_id)
    if any(event.kind == "captured" for event in payment.outbox):
        raise StorageUnavailableError("the receipt is not written yet", payment_id=payment_id)
    try:
        return ports.receipts.get(payment_id)
    except StorageUnavailableError:
        # To be gone for good and to be out of reach look alike from here; its age tells what repeating would bring.
        if payment.captured_at > timestamp(ports.now() - timedelta(days=retention_days)):
            raise
        raise ReceiptNotFoundError(
            f"receipts are kept for {retention_days} days", payment_id=payment_id
        ) from None
