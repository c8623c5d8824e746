"""Change a stored payment: read, change, put if nobody else did; otherwise again."""

import random
from collections.abc import Callable

from payments.domain.errors import BusyError, StaleVersionError
from payments.domain.payment import Payment
from payments.domain.ports import Ports

ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 0.01


def change(ports: Ports, payment: Payment, step: Callable[[Payment], Payment]) -> Payment:
    """Apply a pure step to a payment and store the result, starting over when somebody else was faster."""
    for attempt in range(ATTEMPTS):
        changed = step(payment)
        if changed is payment:
            return payment
        try:
            return ports.payments.replace(changed)
        except StaleVersionError:
            ports.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311 - spreads callers, no secret
            payment = ports.payments.get(payment.id) or payment
    raise BusyError("the payment is changing too fast; repeat the request in a moment", payment_id=payment.id)
