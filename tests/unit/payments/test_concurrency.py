from contextlib import suppress
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from payments.domain.errors import BusyError, RefundExceedsCapturedError, RequestInProgressError
from payments.domain.payment import LEASE, Payment
from payments.domain.ports import Ports
from payments.service.create_payment import PaymentRequest, create_payment
from payments.service.create_refund import create_refund
from tests.unit.payments.faults import Crash, Fault, FaultyPorts
from tests.unit.payments.memory import World
from tests.unit.payments.turns import Turns

ASKED = PaymentRequest(
    amount=1000, currency="KRW", customer_id="cus_ada", payment_method="tok_visa", metadata={}
)
ORDERS = st.lists(st.integers(0, 5), max_size=60)


def pay(ports: Ports) -> Payment:
    """Ask for the one payment of these tests."""
    return create_payment(ports, ASKED, client="c", idempotency_key="k", max_amount=10_000)[0]


def give_back(ports: Ports, payment_id: str, amount: int, key: str) -> int:
    """Ask for a refund."""
    return create_refund(ports, payment_id, amount=amount, client="c", idempotency_key=key)[1].amount


@given(order=ORDERS)
def test_the_same_request_at_once_charges_once(order: list[int]) -> None:
    """Of three equal requests, in any order of their steps, one charges; the others get it or wait."""
    world = World()

    results = Turns(world.ports, order).run([pay, pay, pay])

    paid = [result for result in results if isinstance(result, Payment)]
    assert paid
    assert all(isinstance(result, Payment | RequestInProgressError) for result in results)
    assert [charge.key for charge in world.bank.charges] == [paid[0].id]
    assert world.telemetry.names.count("ChargeRequested") == 1
    assert world.log.kinds(paid[0].id) == ["created", "captured"]


@given(order=ORDERS, amounts=st.lists(st.integers(1, 1000), min_size=3, max_size=3))
def test_refunds_at_once_never_exceed_the_captured_amount(order: list[int], amounts: list[int]) -> None:
    """Three refunds, in any order of their steps, never give back more than there was."""
    world = World()
    payment = pay(world.ports)

    results = Turns(world.ports, order).run(
        [
            partial(give_back, payment_id=payment.id, amount=amount, key=f"r{number}")
            for number, amount in enumerate(amounts)
        ]
    )

    given_back = sum(result for result in results if isinstance(result, int))
    refused = [result for result in results if not isinstance(result, int)]
    stored = world.payments.get(payment.id)
    assert stored is not None
    assert all(isinstance(result, RefundExceedsCapturedError | BusyError) for result in refused)
    assert sum(refund.amount for refund in world.bank.refunds) == given_back == stored.refunded <= 1000
    assert len(world.log.kinds(payment.id)) + len(stored.outbox) == stored.events


@given(order=ORDERS)
def test_the_same_refund_at_once_gives_back_once(order: list[int]) -> None:
    """Of two equal refunds, in any order of their steps, one moves money."""
    world = World()
    payment = pay(world.ports)

    results = Turns(world.ports, order).run(
        [partial(give_back, payment_id=payment.id, amount=300, key="r") for _ in range(2)]
    )

    assert any(isinstance(result, int) for result in results)
    assert all(isinstance(result, int | RequestInProgressError) for result in results)
    assert [refund.amount for refund in world.bank.refunds] == [300]


@given(order=ORDERS)
def test_of_retries_after_a_crash_one_takes_over(order: list[int]) -> None:
    """Window a: when a lease has run out, of three retries in any order one asks the provider."""
    world = World()
    with suppress(Crash):
        pay(FaultyPorts(world.ports, 2, Fault.CRASH_BEFORE).ports)
    world.clock.advance(seconds=LEASE.total_seconds())
    world.telemetry.names.clear()

    results = Turns(world.ports, order).run([pay, pay, pay])

    assert any(isinstance(result, Payment) for result in results)
    assert world.telemetry.names.count("ChargeRequested") == 1


@given(order=ORDERS)
def test_of_refund_retries_after_a_crash_one_takes_over(order: list[int]) -> None:
    """When a refund's lease has run out, of two retries in any order one asks the provider."""
    world = World()
    give = partial(give_back, payment_id=pay(world.ports).id, amount=300, key="r")
    with suppress(Crash):
        give(FaultyPorts(world.ports, 3, Fault.CRASH_BEFORE).ports)
    world.clock.advance(seconds=LEASE.total_seconds())
    world.telemetry.names.clear()

    results = Turns(world.ports, order).run([give, give])

    assert any(isinstance(result, int) for result in results)
    assert world.telemetry.names.count("RefundRequested") == 1
