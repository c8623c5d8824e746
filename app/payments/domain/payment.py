"""A payment, whole: its charge, its refunds, the records it still owes. Every change is a pure function.

    pending ──► captured ──► (partially) refunded
       └──────► declined

A change returns the payment unchanged (the same object) when there is nothing left to do, and raises when it
is not allowed. Stores keep it only if nobody changed the payment meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from payments.domain.currency import in_major_units
from payments.domain.errors import (
    IdempotencyMismatchError,
    NotRefundableError,
    OutcomeUnknownError,
    RefundExceedsCapturedError,
    RequestInProgressError,
)

# How long one caller may work on a charge or refund alone. Longer than the function can run, so that nobody
# is overtaken; if somebody is, the provider's idempotency key still holds.
LEASE = timedelta(seconds=30)

# How long the provider is trusted to remember an idempotency key. Stripe forgets after 24 hours: from then on
# the same key would charge again.
PROVIDER_MEMORY = timedelta(hours=23)

# Refunds live inside the payment's item (400 kB at most).
MAX_REFUNDS = 100


class Status(StrEnum):
    """Where a charge or a refund stands."""

    PENDING = "pending"
    CAPTURED = "captured"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One state change, as the transaction log keeps it: no token, no metadata, no personal data."""

    number: int
    kind: str
    at: str
    facts: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back, or back."""

    id: str
    fingerprint: str
    amount: int
    status: Status
    created_at: str
    lease_until: str
    provider_reference: str = ""
    decline_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment and everything it owes.

    Attributes:
        version: Counts the changes; a store accepts one only on top of the version it was made from.
        outbox: State changes that the transaction log (and the receipts) may not hold yet.
        events: How many state changes there were; numbers the next.
        lease_until: Until when one caller works on the charge alone.
    """

    id: str
    fingerprint: str
    amount: int
    currency: str
    customer_id: str
    metadata: Mapping[str, str]
    created_at: str
    lease_until: str
    status: Status = Status.PENDING
    provider_reference: str = ""
    decline_code: str = ""
    captured_at: str = ""
    refunds: tuple[Refund, ...] = ()
    outbox: tuple[Event, ...] = ()
    events: int = 0
    version: int = 1

    @property
    def transaction_date(self) -> str:
        """The UTC day of the payment, which the date index is keyed by."""
        return self.created_at[:10]

    @property
    def refunded(self) -> int:
        """What has gone back."""
        return sum(refund.amount for refund in self.refunds if refund.status is Status.CAPTURED)

    @property
    def refundable(self) -> int:
        """What may still go back: captured, neither returned nor promised."""
        if self.status is not Status.CAPTURED:
            return 0
        return self.amount - sum(r.amount for r in self.refunds if r.status is not Status.DECLINED)

    @property
    def phase(self) -> str:
        """The status that clients see."""
        if not self.refunded:
            return self.status
        return "refunded" if self.refunded == self.amount else "partially_refunded"

    def refund(self, refund_id: str) -> Refund | None:
        """The refund of this id, if there is one."""
        return next((refund for refund in self.refunds if refund.id == refund_id), None)

    def require_same_request(self, fingerprint: str) -> None:
        """Refuse a key that comes back with another body."""
        if fingerprint != self.fingerprint:
            raise _mismatch(self.id)

    def claim(self, now: datetime) -> "Payment":
        """Take over a charge that somebody left unfinished; unchanged when it is finished."""
        if self.status is not Status.PENDING:
            return self
        _require_free(self.lease_until, self.created_at, now, self.id)
        return replace(self, lease_until=timestamp(now + LEASE))

    def release(self) -> "Payment":
        """Let the next retry in at once, after a provider that gave no answer."""
        return self if self.status is not Status.PENDING else replace(self, lease_until=self.created_at)

    def capture(self, reference: str, now: datetime) -> "Payment":
        """Record that the money is ours; unchanged when that is known already."""
        if self.status is not Status.PENDING:
            return self
        captured = replace(
            self, status=Status.CAPTURED, provider_reference=reference, captured_at=timestamp(now)
        )
        return captured.with_event("captured", now, amount=self.amount, provider_reference=reference)

    def decline(self, code: str, now: datetime) -> "Payment":
        """Record that the provider said no; unchanged when an outcome is known already."""
        if self.status is not Status.PENDING:
            return self
        declined = replace(self, status=Status.DECLINED, decline_code=code)
        return declined.with_event("declined", now, amount=self.amount, decline_code=code)

    def reserve_refund(
        self, refund_id: str, fingerprint: str, amount: int | None, now: datetime
    ) -> "Payment":
        """Promise an amount (what is left, when none is named), or take over a refund left unfinished."""
        known = self.refund(refund_id)
        if known is not None:
            if known.fingerprint != fingerprint:
                raise _mismatch(self.id)
            if known.status is not Status.PENDING:
                return self
            _require_free(known.lease_until, known.created_at, now, self.id)
            return self._with_refund(replace(known, lease_until=timestamp(now + LEASE)))
        self._require_refundable(amount)
        promised = Refund(
            id=refund_id,
            fingerprint=fingerprint,
            amount=self.refundable if amount is None else amount,
            status=Status.PENDING,
            created_at=timestamp(now),
            lease_until=timestamp(now + LEASE),
        )
        return replace(self, refunds=(*self.refunds, promised)).with_event(
            "refund-promised", now, refund_id=refund_id, amount=promised.amount
        )

    def release_refund(self, refund_id: str) -> "Payment":
        """Let the next retry of this refund in at once."""
        known = self._pending_refund(refund_id)
        return self if known is None else self._with_refund(replace(known, lease_until=known.created_at))

    def complete_refund(self, refund_id: str, reference: str, now: datetime) -> "Payment":
        """Record that the money went back; unchanged when an outcome is known already."""
        known = self._pending_refund(refund_id)
        if known is None:
            return self
        done = replace(known, status=Status.CAPTURED, provider_reference=reference)
        return self._with_refund(done).with_event(
            "refunded", now, refund_id=refund_id, amount=known.amount, provider_reference=reference
        )

    def decline_refund(self, refund_id: str, code: str, now: datetime) -> "Payment":
        """Record that the money did not go back, which frees its amount."""
        known = self._pending_refund(refund_id)
        if known is None:
            return self
        refused = replace(known, status=Status.DECLINED, decline_code=code)
        return self._with_refund(refused).with_event(
            "refund-declined", now, refund_id=refund_id, amount=known.amount, decline_code=code
        )

    def with_event(self, kind: str, now: datetime, **facts: str | int) -> "Payment":
        """Note a state change; it is owed to the transaction log from here on."""
        number = self.events + 1
        event = Event(number=number, kind=kind, at=timestamp(now), facts=facts)
        return replace(self, events=number, outbox=(*self.outbox, event))

    def delivered(self, up_to: int) -> "Payment":
        """Forget the events, up to a number, that the transaction log now holds."""
        left = tuple(event for event in self.outbox if event.number > up_to)
        return self if left == self.outbox else replace(self, outbox=left)

    def receipt(self) -> dict[str, str | int]:
        """The receipt: only what never changes after capture, so that writing it twice writes the same."""
        return {
            "payment_id": self.id,
            "amount": self.amount,
            "amount_in_major_units": in_major_units(self.amount, self.currency),
            "currency": self.currency,
            "customer_id": self.customer_id,
            "captured_at": self.captured_at,
            "provider_reference": self.provider_reference,
        }

    def _require_refundable(self, amount: int | None) -> None:
        if self.status is not Status.CAPTURED:
            raise NotRefundableError("only a captured payment can be refunded", payment_id=self.id)
        if len(self.refunds) >= MAX_REFUNDS:
            raise NotRefundableError(f"a payment has at most {MAX_REFUNDS} refunds", payment_id=self.id)
        if not self.refundable or (amount is not None and amount > self.refundable):
            raise RefundExceedsCapturedError(
                f"at most {self.refundable} {self.currency} (minor units) can still be refunded",
                field="amount",
                payment_id=self.id,
            )

    def _pending_refund(self, refund_id: str) -> Refund | None:
        known = self.refund(refund_id)
        return known if known is not None and known.status is Status.PENDING else None

    def _with_refund(self, changed: Refund) -> "Payment":
        return replace(self, refunds=tuple(changed if r.id == changed.id else r for r in self.refunds))


def new_payment(
    *,
    payment_id: str,
    fingerprint: str,
    amount: int,
    currency: str,
    customer_id: str,
    metadata: Mapping[str, str],
    now: datetime,
) -> Payment:
    """A payment just asked for; whoever stores it first holds the lease on its charge."""
    payment = Payment(
        id=payment_id,
        fingerprint=fingerprint,
        amount=amount,
        currency=currency,
        customer_id=customer_id,
        metadata=metadata,
        created_at=timestamp(now),
        lease_until=timestamp(now + LEASE),
    )
    return payment.with_event("created", now, amount=amount, currency=currency)


def timestamp(moment: datetime) -> str:
    """UTC with microseconds at a fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _require_free(lease_until: str, since: str, now: datetime, payment_id: str) -> None:
    if timestamp(now) < lease_until:
        raise RequestInProgressError(
            "the same request is being worked on; repeat it in a moment", payment_id=payment_id
        )
    if timestamp(now - PROVIDER_MEMORY) > since:
        raise OutcomeUnknownError(
            "the provider's answer was lost too long ago to ask again safely; it has to be looked up by hand",
            payment_id=payment_id,
        )


def _mismatch(payment_id: str) -> IdempotencyMismatchError:
    return IdempotencyMismatchError(
        "this idempotency key was used with another request body; use a new key for a new request",
        field="Idempotency-Key",
        payment_id=payment_id,
    )
