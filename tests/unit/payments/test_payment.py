from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from payments.domain.payment import Payment, new_payment, timestamp

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def a_payment() -> Payment:
    """A payment just asked for."""
    return new_payment(
        payment_id="pay_1",
        fingerprint="f",
        amount=1500,
        currency="KRW",
        customer_id="cus_ada",
        metadata={},
        now=NOON,
    )


@given(st.integers(0, 5))
def test_only_what_was_delivered_is_forgotten(up_to: int) -> None:
    """Window d: an event that came after those that were delivered is still owed."""
    payment = (
        a_payment().capture("ch", NOON).reserve_refund("re", "g", 1, NOON).complete_refund("re", "rf", NOON)
    )

    left = payment.delivered(up_to)

    assert [event.number for event in left.outbox] == [number for number in (1, 2, 3, 4) if number > up_to]
    assert left.events == 4


@given(one=MOMENTS, other=MOMENTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    """Timestamps compare as texts the way the moments they name do."""
    assert (timestamp(one) < timestamp(other)) == (one < other)
    assert len(timestamp(one)) == len(timestamp(NOON + timedelta(microseconds=1)))


@given(st.lists(st.tuples(st.integers(1, 800), st.booleans()), max_size=8))
def test_what_is_refundable_is_never_negative(refunds: list[tuple[int, bool]]) -> None:
    """Whatever is promised, completed or declined, what is left and what went back make up the amount."""
    payment = a_payment().capture("ch", NOON)
    for number, (amount, accepted) in enumerate(refunds):
        if amount > payment.refundable:
            continue
        promised = payment.reserve_refund(f"re_{number}", "g", amount, NOON)
        assert promised.refundable == payment.refundable - amount
        if accepted:
            payment = promised.complete_refund(f"re_{number}", "rf", NOON)
        else:
            payment = promised.decline_refund(f"re_{number}", "no", NOON)

    assert payment.refundable + payment.refunded == payment.amount
    assert payment.refundable >= 0


def test_an_outcome_is_recorded_once() -> None:
    """A charge or refund whose outcome is known is not changed by another outcome that comes late."""
    captured = a_payment().capture("ch", NOON)
    declined = a_payment().decline("no", NOON)
    refunded = captured.reserve_refund("re", "g", 1, NOON).complete_refund("re", "rf", NOON)

    assert (declined.refundable, captured.refundable) == (0, 1500)
    for payment in (captured, declined):
        assert payment.claim(NOON) is payment
        assert payment.release() is payment
        assert payment.capture("other", NOON) is payment
        assert payment.decline("other", NOON) is payment
    assert refunded.release_refund("re") is refunded
    assert refunded.complete_refund("re", "other", NOON) is refunded
    assert refunded.decline_refund("re", "other", NOON) is refunded
