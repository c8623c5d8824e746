"""A world in which clients retry, time passes and anything breaks; the money is right at every moment."""

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from payments.domain.errors import PaymentError
from payments.domain.identity import payment_id
from payments.service.create_payment import PaymentRequest, create_payment
from payments.service.create_refund import create_refund
from payments.service.get_payment import get_payment
from tests.unit.payments.faults import Crash, Fault, FaultyPorts
from tests.unit.payments.memory import World

KEYS = st.sampled_from(["k1", "k2"])
TOKENS = st.sampled_from(["tok_visa", "tok_declined", "tok_timeout", "tok_refund_declined"])
BREAKS = st.tuples(st.integers(1, 12), st.sampled_from(Fault))


class Payments(RuleBasedStateMachine):
    """Two keys, two amounts, refunds, faults and a clock."""

    @initialize()
    def begin(self) -> None:
        """Start with an empty world."""
        self.world = World()

    @rule(key=KEYS, amount=st.sampled_from([100, 200]), token=TOKENS, at=BREAKS)
    def pay(self, key: str, amount: int, token: str, at: tuple[int, Fault]) -> None:
        """Ask for a payment; something may break."""
        asked = PaymentRequest(
            amount=amount, currency="KRW", customer_id="cus", payment_method=token, metadata={}
        )
        ports = FaultyPorts(self.world.ports, *at).ports
        with suppress(PaymentError, Crash):
            create_payment(ports, asked, client="c", idempotency_key=key, max_amount=1000)

    @rule(
        key=KEYS,
        amount=st.none() | st.integers(1, 150),
        refund=st.sampled_from(["r1", "r2", "r3"]),
        at=BREAKS,
    )
    def refund(self, key: str, amount: int | None, refund: str, at: tuple[int, Fault]) -> None:
        """Ask for a refund; something may break."""
        ports = FaultyPorts(self.world.ports, *at).ports
        with suppress(PaymentError, Crash):
            create_refund(ports, payment_id("c", key), amount=amount, client="c", idempotency_key=refund)

    @rule(hours=st.sampled_from([0.001, 0.01, 1, 22, 30]))
    def wait(self, hours: float) -> None:
        """Let time pass: within a lease, past it, past what the provider remembers."""
        self.world.clock.advance(hours=hours)

    @invariant()
    def nobody_is_charged_twice(self) -> None:
        """A payment's id occurs at most once in the bank's books."""
        charged = [charge.key for charge in self.world.bank.charges]
        assert len(charged) == len(set(charged))

    @invariant()
    def nobody_gets_back_more_than_they_paid(self) -> None:
        """What the bank gave back of a charge is at most the charge, and no refund ran twice."""
        refunds = self.world.bank.refunds
        assert len({refund.key for refund in refunds}) == len(refunds)
        for payment in self.world.payments.items.values():
            back = sum(refund.amount for refund in refunds if refund.of == payment.provider_reference)
            assert back <= payment.amount

    @invariant()
    def what_we_say_is_what_the_bank_did(self) -> None:
        """A captured payment was charged; a completed refund was paid."""
        charged = {charge.key for charge in self.world.bank.charges}
        paid_back = {refund.key for refund in self.world.bank.refunds}
        for payment in self.world.payments.items.values():
            assert payment.status != "captured" or payment.id in charged
            assert all(r.id in paid_back for r in payment.refunds if r.status == "captured")

    @invariant()
    def no_record_is_lost(self) -> None:
        """Every state change is in the log or still owed; looking at a payment delivers the rest."""
        for payment in list(self.world.payments.items.values()):
            logged = {number for owner, number in self.world.log.events if owner == payment.id}
            assert logged | {event.number for event in payment.outbox} == set(range(1, payment.events + 1))

    def teardown(self) -> None:
        """At the end, one look at each payment leaves nothing owed and a receipt for each captured one."""
        if not hasattr(self, "world"):
            return
        for known in list(self.world.payments.items):
            payment = get_payment(self.world.ports, known)
            assert payment.outbox == ()
            assert len(self.world.log.kinds(known)) == payment.events
            assert (known in self.world.receipts.documents) == (payment.status == "captured")


TestWhateverHappens = Payments.TestCase
TestWhateverHappens.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
