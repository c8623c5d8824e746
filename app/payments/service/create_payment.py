"""Charge a customer, once per idempotency key."""

from collections.abc import Mapping
from dataclasses import dataclass

from payments.domain.errors import InvalidRequestError, PaymentDeclinedError, ProviderUnavailableError
from payments.domain.identity import fingerprint, payment_id
from payments.domain.payment import Payment, Status, new_payment
from payments.domain.ports import Accepted, Ports
from payments.service.change import change
from payments.service.deliver_records import deliver_records
from payments.service.take_over import take_over


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """What a client asks for. The payment method is the provider's token and is never stored or logged."""

    amount: int
    currency: str
    customer_id: str
    payment_method: str
    metadata: Mapping[str, str]


def create_payment(
    ports: Ports, asked: PaymentRequest, *, client: str, idempotency_key: str, max_amount: int
) -> tuple[Payment, bool]:
    """Return the captured payment of this client and key, and whether it had been there before."""
    if asked.amount > max_amount:
        raise InvalidRequestError(f"amount must be at most {max_amount} in this environment", field="amount")
    fresh = new_payment(
        payment_id=payment_id(client, idempotency_key),
        fingerprint=_fingerprint(asked),
        amount=asked.amount,
        currency=asked.currency,
        customer_id=asked.customer_id,
        metadata=asked.metadata,
        now=ports.now(),
    )
    payment = ports.payments.create(fresh)  # at the start: one of many wins, with the lease
    replayed = payment is not fresh
    if replayed:
        payment.require_same_request(fresh.fingerprint)
        payment = take_over(ports, payment, lambda stored: stored.claim(ports.now()))  # windows a and b
    if payment.status is Status.PENDING:
        payment = _charge(ports, payment, asked.payment_method)
    payment = deliver_records(ports, payment)
    if payment.status is Status.DECLINED:
        raise PaymentDeclinedError(
            f"the payment was declined: {payment.decline_code}", field="payment_method", payment_id=payment.id
        )
    return payment, replayed


def _charge(ports: Ports, payment: Payment, token: str) -> Payment:
    ports.telemetry.happened("ChargeRequested", payment_id=payment.id)
    try:
        answer = ports.provider.charge(
            payment.id, amount=payment.amount, currency=payment.currency, token=token
        )
    except ProviderUnavailableError as error:
        ports.telemetry.happened("ProviderUnavailable", payment_id=payment.id)
        deliver_records(ports, change(ports, payment, lambda stored: stored.release()))
        error.payment_id = payment.id
        raise
    if isinstance(answer, Accepted):
        payment = change(ports, payment, lambda stored: stored.capture(answer.reference, ports.now()))
        ports.telemetry.happened("PaymentCaptured", payment_id=payment.id)
    else:
        payment = change(ports, payment, lambda stored: stored.decline(answer.code, ports.now()))
        ports.telemetry.happened("PaymentDeclined", payment_id=payment.id)
    return payment


def _fingerprint(asked: PaymentRequest) -> str:
    return fingerprint(
        {
            "amount": asked.amount,
            "currency": asked.currency,
            "customer_id": asked.customer_id,
            "payment_method": asked.payment_method,
            "metadata": dict(asked.metadata),
        }
    )
