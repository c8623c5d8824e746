"""Every window that `payments.service` names is forced open here."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from payments.domain.errors import PaymentError, RequestInProgressError
from payments.domain.payment import LEASE, Payment
from payments.domain.ports import Accepted, Declined, Ports
from payments.service.create_payment import PaymentRequest, create_payment
from payments.service.create_refund import create_refund
from payments.service.get_payment import get_payment
from tests.unit.payments.faults import Crash, Fault, FaultyPorts
from tests.unit.payments.memory import World

ASKED = PaymentRequest(
    amount=1500, currency="KRW", customer_id="cus_ada", payment_method="tok_visa", metadata={}
)
CHARGE_CALLS = ["create", "charge", "replace", "append", "append", "put", "replace"]
REFUND_CALLS = ["get", "replace", "refund", "replace", "append", "append", "replace"]


def pay(ports: Ports) -> Payment:
    """Ask for the one payment of these tests."""
    payment, _ = create_payment(ports, ASKED, client="c", idempotency_key="k", max_amount=10_000)
    return payment


def give_back(payment_id: str) -> Callable[[Ports], Payment]:
    """A function that asks for the one refund of these tests."""

    def refund(ports: Ports) -> Payment:
        payment, _, _ = create_refund(ports, payment_id, amount=500, client="c", idempotency_key="r")
        return payment

    return refund


def attempt(act: Callable[[Ports], Payment], ports: Ports) -> None:
    """Do something that may fail."""
    with suppress(Crash, PaymentError):
        act(ports)


def assert_whole(world: World, payment_id: str, kinds: list[str]) -> None:
    """Check that every record of a payment is there, once."""
    stored = world.payments.get(payment_id)
    assert stored is not None
    assert stored.outbox == ()
    assert world.log.kinds(payment_id) == kinds
    assert world.receipts.get(payment_id)["amount"] == 1500


def test_the_calls_are_those_the_windows_lie_between(world: World) -> None:
    """A charge and a refund make exactly the calls that the tests below interrupt."""
    charging = FaultyPorts(world.ports, None)
    payment = pay(charging.ports)
    refunding = FaultyPorts(world.ports, None)
    give_back(payment.id)(refunding.ports)

    assert charging.calls == CHARGE_CALLS
    assert refunding.calls == REFUND_CALLS


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("at", range(1, len(CHARGE_CALLS) + 1))
def test_a_charge_that_stopped_anywhere_is_completed_by_a_retry(world: World, at: int, fault: Fault) -> None:
    """Wherever a charge breaks off, a retry after the lease charges once and completes every record."""
    attempt(pay, FaultyPorts(world.ports, at, fault).ports)
    world.clock.advance(seconds=LEASE.total_seconds())

    payment = pay(world.ports)

    assert [charge.key for charge in world.bank.charges] == [payment.id]
    assert payment.phase == "captured"
    assert_whole(world, payment.id, ["created", "captured"])


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("at", range(1, len(CHARGE_CALLS) + 1))
def test_a_retry_within_the_lease_never_charges_twice(world: World, at: int, fault: Fault) -> None:
    """A retry that comes at once either gets the one payment or is told to wait."""
    attempt(pay, FaultyPorts(world.ports, at, fault).ports)

    attempt(pay, world.ports)

    assert len(world.bank.charges) <= 1


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("at", range(1, len(REFUND_CALLS) + 1))
def test_a_refund_that_stopped_anywhere_is_completed_by_a_retry(world: World, at: int, fault: Fault) -> None:
    """Wherever a refund breaks off, a retry after the lease gives back once and completes every record."""
    payment = pay(world.ports)
    attempt(give_back(payment.id), FaultyPorts(world.ports, at, fault).ports)
    world.clock.advance(seconds=LEASE.total_seconds())

    refunded = give_back(payment.id)(world.ports)

    assert [(refund.of, refund.amount) for refund in world.bank.refunds] == [
        (payment.provider_reference, 500)
    ]
    assert refunded.refunded == 500
    assert_whole(world, payment.id, ["created", "captured", "refund-promised", "refunded"])


@pytest.mark.parametrize("at", [4, 5, 6])
def test_records_that_s3_refused_are_delivered_by_a_later_look(world: World, at: int) -> None:
    """Window c: when S3 fails after the charge the payment says so, and reading it completes its records."""
    payment = pay(FaultyPorts(world.ports, at, Fault.ERROR_BEFORE).ports)
    owing = payment.outbox

    read = get_payment(world.ports, payment.id)

    assert owing
    assert "RecordsDelayed" in world.telemetry.names
    assert read.outbox == ()
    assert_whole(world, payment.id, ["created", "captured"])


def test_a_retry_during_the_lease_is_told_to_wait(world: World) -> None:
    """Window a: after a crash before the provider was asked, nobody else may ask until the lease is over."""
    attempt(pay, FaultyPorts(world.ports, 2, Fault.CRASH_BEFORE).ports)

    with pytest.raises(RequestInProgressError, match="being worked on"):
        pay(world.ports)

    assert world.bank.charges == []


def test_a_caller_overtaken_after_its_lease_adopts_the_outcome(world: World) -> None:
    """Window b: a caller that comes back from the provider after another has finished changes nothing."""
    rivals: list[Payment] = []

    class SlowProvider:
        """Answers only after the lease, when a rival has done everything."""

        def charge(self, key: str, *, amount: int, currency: str, token: str) -> Accepted | Declined:
            answer = world.bank.charge(key, amount=amount, currency=currency, token=token)
            world.clock.advance(seconds=LEASE.total_seconds())
            rivals.append(pay(world.ports))
            return answer

        refund = world.bank.refund

    payment = pay(replace(world.ports, provider=SlowProvider()))

    assert payment.provider_reference == rivals[0].provider_reference
    assert len(world.bank.charges) == 1
    assert_whole(world, payment.id, ["created", "captured"])


def test_an_event_that_was_delivered_before_stays_as_it_was(world: World) -> None:
    """Window d: a crash after S3 was written delivers the same events again, and the log is as before."""
    attempt(pay, FaultyPorts(world.ports, 7, Fault.CRASH_BEFORE).ports)
    before = dict(world.log.events)
    known = next(iter(world.payments.items))
    owing = world.payments.items[known].outbox

    get_payment(world.ports, known)

    assert len(owing) == 2
    assert world.log.events == before
    assert_whole(world, known, ["created", "captured"])
