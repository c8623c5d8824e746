"""What the use cases need from the world. Each port says what its adapter must guarantee."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from payments.domain.payment import Event, Payment


class PaymentStore(Protocol):
    """Payments, one item each, with two conditional writes and nothing else."""

    def create(self, payment: Payment) -> Payment:
        """Store a payment if none has its id; return the stored one (the same object if it won)."""
        ...

    def replace(self, payment: Payment) -> Payment:
        """Store a changed payment if its version is still the stored one; return it with the next version.

        Raises:
            StaleVersionError: Somebody else changed it first.
        """
        ...

    def get(self, payment_id: str) -> Payment | None:
        """Read a payment, up to date."""
        ...

    def by_customer(
        self, customer_id: str, *, since: str, until: str, limit: int, after: Payment | None
    ) -> list[Payment]:
        """A customer's payments created between two timestamps (both included), newest first."""
        ...

    def by_date(self, date: str, *, limit: int, after: Payment | None) -> list[Payment]:
        """A day's payments, newest first."""
        ...


class TransactionLog(Protocol):
    """The append-only record of every state change."""

    def append(self, payment_id: str, event: Event) -> None:
        """Keep an event; keeping it again changes nothing."""
        ...


class Receipts(Protocol):
    """The receipts of captured payments."""

    def put(self, payment_id: str, receipt: Mapping[str, str | int]) -> None:
        """Keep a receipt; keeping it again changes nothing."""
        ...

    def get(self, payment_id: str) -> dict[str, str | int]:
        """Read a receipt that was kept.

        Raises:
            StorageUnavailableError: It could not be read, or is no longer there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider did it. `reference` is the provider's own id of what it did."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider said no, finally. `code` is a short machine-readable reason."""

    code: str


class Provider(Protocol):
    """Whoever moves the money. The same `key` never moves it twice, for at least `PROVIDER_MEMORY`."""

    def charge(self, key: str, *, amount: int, currency: str, token: str) -> Accepted | Declined:
        """Take an amount of minor units.

        Raises:
            ProviderUnavailableError: No definite answer.
        """
        ...

    def refund(self, key: str, *, charge: str, amount: int, currency: str) -> Accepted | Declined:
        """Give an amount of a charge back.

        Raises:
            ProviderUnavailableError: No definite answer.
        """
        ...


class Telemetry(Protocol):
    """Where the use cases say what happened."""

    def happened(self, what: str, **facts: str | int) -> None:
        """Count an event and log it with its facts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a use case may touch."""

    payments: PaymentStore
    log: TransactionLog
    receipts: Receipts
    provider: Provider
    telemetry: Telemetry
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
