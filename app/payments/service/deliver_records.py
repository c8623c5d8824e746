"""Bring what a payment owes to the log and the receipts: after every change, on every later look."""

from payments.domain.errors import BusyError, StorageUnavailableError
from payments.domain.payment import Payment
from payments.domain.ports import Ports
from payments.service.change import change


def deliver_records(ports: Ports, payment: Payment) -> Payment:
    """Write the outbox to S3 and empty it; if S3 fails, the payment keeps it and says so."""
    if not payment.outbox:
        return payment
    last = payment.outbox[-1].number
    try:
        for event in payment.outbox:
            ports.log.append(payment.id, event)
            if event.kind == "captured":
                ports.receipts.put(payment.id, payment.receipt())
        # Window d: the outbox is emptied only after all of it was kept, and only of what was kept.
        return change(ports, payment, lambda stored: stored.delivered(last))
    except (StorageUnavailableError, BusyError):
        ports.telemetry.happened("RecordsDelayed", payment_id=payment.id)
        return payment
