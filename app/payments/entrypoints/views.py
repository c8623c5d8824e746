"""Payments and refunds as clients see them."""

from typing import Any

from payments.domain.payment import Payment, Refund, Status
from payments.service.page import Page

_REFUND_STATUS = {Status.PENDING: "pending", Status.CAPTURED: "succeeded", Status.DECLINED: "declined"}


def payment_view(payment: Payment) -> dict[str, Any]:
    """A payment, without what is the service's own business."""
    view = {
        "id": payment.id,
        "status": str(payment.phase),
        "amount": payment.amount,
        "refunded_amount": payment.refunded,
        "currency": payment.currency,
        "customer_id": payment.customer_id,
        "metadata": dict(payment.metadata),
        "created_at": payment.created_at,
        "records": "pending" if payment.outbox else "complete",
        "refunds": [refund_view(payment, refund) for refund in payment.refunds],
    }
    return view | ({"decline_code": payment.decline_code} if payment.decline_code else {})


def refund_view(payment: Payment, refund: Refund) -> dict[str, Any]:
    """A refund of a payment."""
    view = {
        "id": refund.id,
        "payment_id": payment.id,
        "status": _REFUND_STATUS[refund.status],
        "amount": refund.amount,
        "currency": payment.currency,
        "created_at": refund.created_at,
    }
    return view | ({"decline_code": refund.decline_code} if refund.decline_code else {})


def page_view(page: Page) -> dict[str, Any]:
    """A page of payments."""
    view = {"payments": [payment_view(payment) for payment in page.payments]}
    return view | ({"cursor": page.cursor} if page.cursor else {})
