"""List a customer's payments."""

from payments.domain.errors import InvalidRequestError
from payments.domain.ports import Ports
from payments.service.page import Page, page_of, start_of_page


def list_customer_payments(
    ports: Ports, customer_id: str, *, first_day: str, last_day: str, limit: int, cursor: str | None
) -> Page:
    """Return a page of a customer's payments between two days (both included), newest first."""
    if first_day > last_day:
        raise InvalidRequestError("from must not be after to", field="from")
    since, until = f"{first_day}T00:00:00.000000Z", f"{last_day}T23:59:59.999999Z"
    after = start_of_page(
        ports,
        cursor,
        lambda payment: payment.customer_id == customer_id and since <= payment.created_at <= until,
    )
    return page_of(
        ports.payments.by_customer(customer_id, since=since, until=until, limit=limit + 1, after=after), limit
    )
