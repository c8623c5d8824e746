"""Give a captured amount back, whole or in part, once per idempotency key and never more than there is."""

from payments.domain.errors import ProviderUnavailableError, RefundDeclinedError
from payments.domain.identity import fingerprint, refund_id
from payments.domain.payment import Payment, Refund, Status
from payments.domain.ports import Accepted, Ports
from payments.service.change import change
from payments.service.deliver_records import deliver_records
from payments.service.get_payment import get_payment
from payments.service.take_over import take_over


def create_refund(
    ports: Ports, payment_id: str, *, amount: int | None, client: str, idempotency_key: str
) -> tuple[Payment, Refund, bool]:
    """Return the payment, the refund of this client and key, and whether it had been there before."""
    payment = get_payment(ports, payment_id)
    wanted = refund_id(client, payment_id, idempotency_key)
    replayed = payment.refund(wanted) is not None
    asked = fingerprint({"amount": amount})
    payment = take_over(
        ports, payment, lambda stored: stored.reserve_refund(wanted, asked, amount, ports.now())
    )
    promised = _refund(payment, wanted)
    if promised.status is Status.PENDING:
        payment = _give_back(ports, payment, promised)
    payment = deliver_records(ports, payment)
    refund = _refund(payment, wanted)
    if refund.status is Status.DECLINED:
        raise RefundDeclinedError(f"the refund was declined: {refund.decline_code}", payment_id=payment.id)
    return payment, refund, replayed


def _give_back(ports: Ports, payment: Payment, refund: Refund) -> Payment:
    ports.telemetry.happened("RefundRequested", payment_id=payment.id, refund_id=refund.id)
    try:
        answer = ports.provider.refund(
            refund.id, charge=payment.provider_reference, amount=refund.amount, currency=payment.currency
        )
    except ProviderUnavailableError as error:
        ports.telemetry.happened("ProviderUnavailable", payment_id=payment.id)
        deliver_records(ports, change(ports, payment, lambda stored: stored.release_refund(refund.id)))
        error.payment_id = payment.id
        raise
    if isinstance(answer, Accepted):
        done = change(
            ports, payment, lambda stored: stored.complete_refund(refund.id, answer.reference, ports.now())
        )
        ports.telemetry.happened("RefundCompleted", payment_id=payment.id, refund_id=refund.id)
        return done
    refused = change(
        ports, payment, lambda stored: stored.decline_refund(refund.id, answer.code, ports.now())
    )
    ports.telemetry.happened("RefundDeclined", payment_id=payment.id, refund_id=refund.id)
    return refused


def _refund(payment: Payment, refund_id: str) -> Refund:
    found = payment.refund(refund_id)
    assert found is not None, "a reserved refund stays in its payment"
    return found
