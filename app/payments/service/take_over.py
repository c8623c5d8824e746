"""Take a charge or a refund over for this caller alone; what only a person can finish is counted."""

from collections.abc import Callable

from payments.domain.errors import OutcomeUnknownError
from payments.domain.payment import Payment
from payments.domain.ports import Ports
from payments.service.change import change


def take_over(ports: Ports, payment: Payment, step: Callable[[Payment], Payment]) -> Payment:
    """Apply a step that claims something unfinished; where asking the provider again is too late, call for a person."""
    try:
        return change(ports, payment, step)
    except OutcomeUnknownError:
        ports.telemetry.happened("OutcomeUnknown", payment_id=payment.id)
        raise
