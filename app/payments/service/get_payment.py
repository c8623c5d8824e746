"""Read a payment."""

from payments.domain.errors import PaymentNotFoundError
from payments.domain.payment import Payment
from payments.domain.ports import Ports
from payments.service.deliver_records import deliver_records


def get_payment(ports: Ports, payment_id: str) -> Payment:
    """Return a payment; on the way, deliver what it still owes (this is the service's own repair path)."""
    payment = ports.payments.get(payment_id)
    if payment is None:
        raise PaymentNotFoundError("no payment has this id", payment_id=payment_id)
    return deliver_records(ports, payment)
