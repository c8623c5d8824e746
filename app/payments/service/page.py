"""Pages of payments. A cursor is the last payment of the page before and is looked up again."""

from collections.abc import Callable
from dataclasses import dataclass

from payments.domain.errors import InvalidRequestError
from payments.domain.payment import Payment
from payments.domain.ports import Ports


@dataclass(frozen=True, slots=True)
class Page:
    """Some payments, newest first, and where the next page starts, if there is one."""

    payments: list[Payment]
    cursor: str | None


def start_of_page(ports: Ports, cursor: str | None, belongs: Callable[[Payment], bool]) -> Payment | None:
    """The payment a cursor stands for; one that is not part of the same listing is refused."""
    if cursor is None:
        return None
    payment = ports.payments.get(cursor)
    if payment is None or not belongs(payment):
        raise InvalidRequestError("cursor was not given out for this listing", field="cursor")
    return payment


def page_of(found: list[Payment], limit: int) -> Page:
    """Cut one payment more than wanted down to a page; the surplus one says that there is another page."""
    kept = found[:limit]
    return Page(kept, kept[-1].id if len(found) > limit else None)
