from dataclasses import replace

from payments.domain.errors import StaleVersionError
from payments.domain.payment import LEASE, PROVIDER_MEMORY, Payment
from tests.unit.payments.faults import Fault, FaultyPorts
from tests.unit.payments.http import Api
from tests.unit.payments.memory import World


def test_part_and_rest_can_be_refunded(api: Api, world: World) -> None:
    """A part is given back, then what is left when no amount is named; the payment tells how far it is."""
    payment = api.pay().body["id"]

    part = api.refund(payment, "r1", amount=400)
    between = api.call("GET", f"/payments/{payment}")
    rest = api.refund(payment, "r2")
    after = api.call("GET", f"/payments/{payment}")

    assert (part.status, part.body["amount"], part.body["status"]) == (201, 400, "succeeded")
    assert (between.body["status"], between.body["refunded_amount"]) == ("partially_refunded", 400)
    assert rest.body["amount"] == 1100
    assert (after.body["status"], after.body["refunded_amount"]) == ("refunded", 1500)
    assert world.log.kinds(payment) == [
        "created",
        "captured",
        "refund-promised",
        "refunded",
        "refund-promised",
        "refunded",
    ]


def test_the_same_key_refunds_once(api: Api, world: World) -> None:
    """A repeated refund is answered with the first one."""
    payment = api.pay().body["id"]

    first, second = api.refund(payment, amount=400), api.refund(payment, amount=400)

    assert first.body == second.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(world.bank.refunds) == 1


def test_a_refund_key_with_another_body_is_refused(api: Api, world: World) -> None:
    """A refund's key that comes back with another amount is 422."""
    payment = api.pay().body["id"]
    api.refund(payment, amount=400)

    assert api.refund(payment, amount=401).status == 422
    assert len(world.bank.refunds) == 1


def test_never_more_than_was_captured(api: Api, world: World) -> None:
    """A refund beyond what is left is 409, names the field, says what is left, and writes nothing."""
    payment = api.pay().body["id"]
    api.refund(payment, "r1", amount=1000)
    before = world.payments.get(payment)

    reply = api.refund(payment, "r2", amount=501)

    assert (reply.status, reply.body["field"]) == (409, "amount")
    assert "at most 500 KRW" in reply.body["detail"]
    assert world.payments.get(payment) == before


def test_a_payment_that_was_not_captured_cannot_be_refunded(api: Api) -> None:
    """A declined payment has nothing to give back: 409."""
    payment = api.pay(payment_method="tok_declined").body["payment_id"]

    reply = api.refund(payment)

    assert reply.body["type"] == "urn:tollgate:problem:not-refundable"


def test_a_declined_refund_frees_its_amount(api: Api, world: World) -> None:
    """A refund the provider declines is 402, for good, and does not count against the captured amount."""
    payment = api.pay(payment_method="tok_refund_declined").body["id"]

    first, second = api.refund(payment, "r1", amount=1500), api.refund(payment, "r1", amount=1500)
    other = api.refund(payment, "r2", amount=1500)
    stored = world.payments.get(payment)

    assert (first.status, second.status, other.status) == (402, 402, 402)
    assert stored is not None
    assert stored.refundable == 1500


def test_refunds_of_one_payment_are_bounded(api: Api) -> None:
    """The refunds of a payment fit its item: the 101st is 409."""
    payment = api.pay().body["id"]

    replies = [api.refund(payment, f"r{number}", amount=1) for number in range(101)]

    assert [reply.status for reply in replies] == [201] * 100 + [409]


def test_an_unknown_payment_cannot_be_refunded(api: Api) -> None:
    """A refund of a payment that does not exist is 404."""
    assert api.refund("pay_" + "0" * 40).status == 404


def test_a_refund_without_an_answer_can_be_repeated_at_once(api: Api, world: World) -> None:
    """A provider that gives no answer is 503; the retry need not wait for the lease."""
    payment = api.pay().body["id"]
    unlucky = Api(world, ports=lambda: FaultyPorts(world.ports, 3, Fault.ERROR_BEFORE).ports)

    first, second = unlucky.refund(payment), api.refund(payment)

    assert (first.status, second.status) == (503, 201)


def test_a_refund_without_an_answer_is_in_the_log(api: Api, world: World) -> None:
    """What was promised stands in the log even where the provider gave no answer and nobody comes back."""
    payment = api.pay().body["id"]
    Api(world, ports=lambda: FaultyPorts(world.ports, 3, Fault.ERROR_BEFORE).ports).refund(payment)

    assert world.log.kinds(payment) == ["created", "captured", "refund-promised"]


def test_a_refund_whose_answer_was_lost_long_ago_calls_for_a_person(api: Api, world: World) -> None:
    """A refund retried so late that it could be paid twice is 409, counted, and not asked for again."""
    payment = api.pay().body["id"]
    Api(world, ports=lambda: FaultyPorts(world.ports, 3, Fault.ERROR_BEFORE).ports).refund(payment)
    world.clock.advance(seconds=(LEASE + PROVIDER_MEMORY).total_seconds())

    reply = api.refund(payment)

    assert (reply.status, reply.body["type"]) == (409, "urn:tollgate:problem:outcome-unknown")
    assert world.telemetry.names.count("OutcomeUnknown") == 1
    assert world.bank.refunds == []


def test_a_payment_that_never_holds_still_is_busy(world: World) -> None:
    """A change that is overtaken every time gives up with 409 and Retry-After, and has asked nobody for money."""
    payment = Api(world).pay().body["id"]

    class Overtaken:
        """A store in which somebody else is always faster."""

        create = world.payments.create
        get = world.payments.get
        by_customer = world.payments.by_customer
        by_date = world.payments.by_date

        def replace(self, _payment: Payment) -> Payment:
            raise StaleVersionError("somebody else changed the payment first")

    overtaken = Api(world, ports=lambda: replace(world.ports, payments=Overtaken()))

    reply = overtaken.refund(payment)

    assert (reply.status, reply.body["type"]) == (409, "urn:tollgate:problem:busy")
    assert reply.headers["Retry-After"] == "1"
    assert world.bank.refunds == []
