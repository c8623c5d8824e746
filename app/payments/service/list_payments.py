"""List a day's payments."""

from payments.domain.ports import Ports
from payments.service.page import Page, page_of, start_of_page


def list_payments(ports: Ports, *, date: str, limit: int, cursor: str | None) -> Page:
    """Return a page of the payments of one UTC day, newest first."""
    after = start_of_page(ports, cursor, lambda payment: payment.transaction_date == date)
    return page_of(ports.payments.by_date(date, limit=limit + 1, after=after), limit)
