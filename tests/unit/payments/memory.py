"""In-memory adapters. They pass the same contract as the AWS ones (test_adapters.py)."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from payments.adapters.sandbox import SandboxProvider
from payments.domain.errors import StaleVersionError, StorageUnavailableError
from payments.domain.payment import Event, Payment
from payments.domain.ports import Accepted, Declined, Ports


class MemoryPayments:
    """Payments in a dictionary; a lock makes each write as atomic as DynamoDB's."""

    def __init__(self) -> None:
        self.items: dict[str, Payment] = {}
        self._lock = threading.Lock()

    def create(self, payment: Payment) -> Payment:
        """Store a payment if none has its id."""
        with self._lock:
            return self.items.setdefault(payment.id, payment)

    def replace(self, payment: Payment) -> Payment:
        """Store a changed payment on top of the version it was made from."""
        with self._lock:
            stored = self.items.get(payment.id)
            if stored is None or stored.version != payment.version:
                raise StaleVersionError("somebody else changed the payment first")
            self.items[payment.id] = replace(payment, version=payment.version + 1)
            return self.items[payment.id]

    def get(self, payment_id: str) -> Payment | None:
        """Read a payment."""
        return self.items.get(payment_id)

    def by_customer(
        self, customer_id: str, *, since: str, until: str, limit: int, after: Payment | None
    ) -> list[Payment]:
        """A customer's payments between two timestamps, newest first."""
        assert since <= until, "DynamoDB refuses a range that ends before it begins"
        return self._newest(
            [
                p
                for p in self.items.values()
                if p.customer_id == customer_id and since <= p.created_at <= until
            ],
            limit,
            after,
        )

    def by_date(self, date: str, *, limit: int, after: Payment | None) -> list[Payment]:
        """A day's payments, newest first."""
        return self._newest([p for p in self.items.values() if p.transaction_date == date], limit, after)

    @staticmethod
    def _newest(found: list[Payment], limit: int, after: Payment | None) -> list[Payment]:
        found.sort(key=_position, reverse=True)
        return [p for p in found if after is None or _position(p) < _position(after)][:limit]


def _position(payment: Payment) -> tuple[str, str]:
    return payment.created_at, payment.id


class MemoryLog:
    """The transaction log as a list; the first event of a number stays."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, int], Event] = {}

    def append(self, payment_id: str, event: Event) -> None:
        """Keep an event."""
        self.events.setdefault((payment_id, event.number), event)

    def kinds(self, payment_id: str) -> list[str]:
        """What the log tells about a payment, in order."""
        return [event.kind for (owner, _), event in sorted(self.events.items()) if owner == payment_id]


class MemoryReceipts:
    """Receipts in a dictionary; the first stays."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, str | int]] = {}

    def put(self, payment_id: str, receipt: Mapping[str, str | int]) -> None:
        """Keep a receipt."""
        self.documents.setdefault(payment_id, dict(receipt))

    def get(self, payment_id: str) -> dict[str, str | int]:
        """Read a receipt."""
        if payment_id not in self.documents:
            raise StorageUnavailableError("the receipt could not be read", payment_id=payment_id)
        return self.documents[payment_id]


class Clock:
    """Time that moves when it is told to, and a little with every look."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        """Read the time; no two readings are equal."""
        self.moment += timedelta(microseconds=1)
        return self.moment

    def advance(self, **time: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**time)

    def sleep(self, seconds: float) -> None:
        """Wait, in this clock's time."""
        self.advance(seconds=seconds)


@dataclass(frozen=True)
class Movement:
    """Money that really moved."""

    key: str
    amount: int
    of: str


class BankProvider:
    """A provider that keeps books. Like Stripe it answers a known key as before, forgets it after a day."""

    MEMORY = timedelta(hours=24)

    def __init__(self, clock: Clock) -> None:
        self._decide = SandboxProvider(sleep=clock.sleep)
        self._clock = clock
        self._answers: dict[str, tuple[datetime, Accepted | Declined]] = {}
        self.charges: list[Movement] = []
        self.refunds: list[Movement] = []

    def charge(self, key: str, *, amount: int, currency: str, token: str) -> Accepted | Declined:
        """Take money, unless the key is remembered."""
        if known := self._remembered(key):
            return known
        answer = self._decide.charge(key, amount=amount, currency=currency, token=token)
        return self._keep(key, answer, self.charges, Movement(key, amount, key))

    def refund(self, key: str, *, charge: str, amount: int, currency: str) -> Accepted | Declined:
        """Give money back, unless the key is remembered."""
        if known := self._remembered(key):
            return known
        answer = self._decide.refund(key, charge=charge, amount=amount, currency=currency)
        return self._keep(key, answer, self.refunds, Movement(key, amount, charge))

    def _remembered(self, key: str) -> Accepted | Declined | None:
        at, answer = self._answers.get(key, (None, None))
        return answer if at and self._clock.moment - at < self.MEMORY else None

    def _keep(
        self, key: str, answer: Accepted | Declined, book: list[Movement], movement: Movement
    ) -> Accepted | Declined:
        self._answers[key] = self._clock.moment, answer
        if isinstance(answer, Accepted):
            book.append(movement)
        return answer


class ListTelemetry:
    """What happened, as a list of names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def happened(self, what: str, **facts: str | int) -> None:
        """Remember an event's name."""
        self.names.append(what)


@dataclass(kw_only=True)
class World:
    """A whole world in memory, and the ports into it."""

    clock: Clock = field(default_factory=Clock)
    payments: MemoryPayments = field(default_factory=MemoryPayments)
    log: MemoryLog = field(default_factory=MemoryLog)
    receipts: MemoryReceipts = field(default_factory=MemoryReceipts)
    telemetry: ListTelemetry = field(default_factory=ListTelemetry)

    def __post_init__(self) -> None:
        """Open the bank, which lives by this world's clock."""
        self.bank = BankProvider(self.clock)

    @property
    def ports(self) -> Ports:
        """The ports into this world."""
        return Ports(
            payments=self.payments,
            log=self.log,
            receipts=self.receipts,
            provider=self.bank,
            telemetry=self.telemetry,
            now=self.clock,
            sleep=self.clock.sleep,
        )
