from payments.domain.ports import Ports
from tests.unit.payments.faults import Fault, FaultyPorts
from tests.unit.payments.http import Api
from tests.unit.payments.memory import World


def test_a_payment_can_be_read(api: Api) -> None:
    """A payment reads as it was answered when it was made."""
    made = api.pay()

    assert api.call("GET", f"/payments/{made.body['id']}").body == made.body


def test_an_unknown_payment_is_a_problem_document(api: Api) -> None:
    """A payment that does not exist is 404, as a problem document with the request's id."""
    reply = api.call("GET", "/payments/pay_" + "0" * 40)

    assert reply.status == 404
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body == {
        "type": "urn:tollgate:problem:payment-not-found",
        "title": "There is no such payment",
        "status": 404,
        "detail": "no payment has this id",
        "request_id": "request-1",
        "payment_id": "pay_" + "0" * 40,
    }


def test_the_receipt_is_the_stored_one(api: Api, world: World) -> None:
    """The receipt tells amount and currency, also as people write them."""
    payment = api.pay(currency="USD").body["id"]

    reply = api.call("GET", f"/payments/{payment}/receipt")

    assert reply.body == world.receipts.documents[payment]
    assert reply.body["amount_in_major_units"] == "15.00"


def test_a_declined_payment_has_no_receipt(api: Api) -> None:
    """A receipt of a payment that was never captured is 404."""
    payment = api.pay(payment_method="tok_declined").body["payment_id"]

    assert api.call("GET", f"/payments/{payment}/receipt").body["type"].endswith("receipt-not-found")


def test_a_receipt_still_owed_is_written_on_asking(world: World) -> None:
    """A receipt that S3 refused at first is written when asked for; while S3 still refuses, it is 503."""
    payment = Api(world, ports=lambda: FaultyPorts(world.ports, 4, Fault.ERROR_BEFORE).ports).pay().body["id"]
    path = f"/payments/{payment}/receipt"

    while_down = Api(world, ports=lambda: FaultyPorts(world.ports, 2, Fault.ERROR_BEFORE).ports).call(
        "GET", path
    )
    afterwards = Api(world).call("GET", path)

    assert (while_down.status, while_down.headers["Retry-After"]) == (503, "1")
    assert afterwards.status == 200


def test_a_receipt_past_its_time_is_not_found(api: Api, world: World) -> None:
    """A receipt that the bucket has removed is 404 and says why, not a 503 that asks for repeating for ever."""
    payment = api.pay().body["id"]
    world.clock.advance(days=90)
    world.receipts.documents.clear()

    reply = api.call("GET", f"/payments/{payment}/receipt")

    assert (reply.status, reply.body["type"]) == (404, "urn:tollgate:problem:receipt-not-found")
    assert reply.body["detail"] == "receipts are kept for 90 days"


def test_a_receipt_that_outlives_its_time_is_still_given(api: Api, world: World) -> None:
    """S3 removes late; what is there is given."""
    payment = api.pay().body["id"]
    world.clock.advance(days=91)

    assert api.call("GET", f"/payments/{payment}/receipt").status == 200


def test_a_receipt_missing_within_its_time_is_a_fault(api: Api, world: World) -> None:
    """A receipt that should be there and cannot be read is 503, until its time is over."""
    payment = api.pay().body["id"]
    world.clock.advance(days=89)
    world.receipts.documents.clear()

    reply = api.call("GET", f"/payments/{payment}/receipt")

    assert (reply.status, reply.body["type"]) == (503, "urn:tollgate:problem:storage-unavailable")


def test_health_says_the_release_and_needs_nothing(api: Api, world: World) -> None:
    """Health works without a client and without any port."""

    def no_ports() -> Ports:
        raise AssertionError

    reply = Api(world, ports=no_ports).call("GET", "/health", client=None)

    assert reply.body == {"status": "ok", "release": api.settings.release}
