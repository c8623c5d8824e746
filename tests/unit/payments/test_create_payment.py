from payments.domain.payment import LEASE, PROVIDER_MEMORY
from tests.unit.payments.http import Api
from tests.unit.payments.memory import World


def test_a_payment_is_captured_and_answered(api: Api, world: World) -> None:
    """A payment is charged once, logged, given a receipt, and answered with 201 and its place."""
    reply = api.pay(metadata={"order": "7"})

    assert reply.status == 201
    assert reply.body["status"] == "captured"
    assert reply.body["records"] == "complete"
    assert reply.body["metadata"] == {"order": "7"}
    assert reply.headers["Location"] == f"payments/{reply.body['id']}"
    assert [charge.amount for charge in world.bank.charges] == [1500]
    assert world.log.kinds(reply.body["id"]) == ["created", "captured"]
    assert world.receipts.get(reply.body["id"])["amount"] == 1500


def test_the_same_key_gives_the_same_payment(api: Api, world: World) -> None:
    """A repeated request is answered with the first one's payment and says so."""
    first, second = api.pay(), api.pay()

    assert first.body == second.body
    assert (first.headers["Idempotent-Replayed"], second.headers["Idempotent-Replayed"]) == ("false", "true")
    assert len(world.bank.charges) == 1


def test_the_same_key_of_another_client_is_another_payment(api: Api, world: World) -> None:
    """Two clients that happen to choose one key do not see each other."""
    first, second = api.pay(client="client-1"), api.pay(client="client-2")

    assert first.body["id"] != second.body["id"]
    assert len(world.bank.charges) == 2


def test_a_key_with_another_body_is_refused(api: Api, world: World) -> None:
    """A key that comes back with another body is 422 and writes nothing."""
    api.pay()
    before = dict(world.payments.items)

    reply = api.pay(amount=1501)

    assert reply.status == 422
    assert reply.body["type"] == "urn:tollgate:problem:idempotency-mismatch"
    assert world.payments.items == before


def test_a_declined_payment_stays_declined(api: Api, world: World) -> None:
    """A decline is final for its key: 402 each time, asked of the provider once, and readable."""
    first, second = (
        api.pay(payment_method="tok_insufficient_funds"),
        api.pay(payment_method="tok_insufficient_funds"),
    )
    read = api.call("GET", f"/payments/{first.body['payment_id']}")

    assert (first.status, first.body) == (402, second.body)
    assert read.body["status"] == "declined"
    assert read.body["decline_code"] == "insufficient_funds"
    assert world.telemetry.names.count("ChargeRequested") == 1
    assert world.log.kinds(read.body["id"]) == ["created", "declined"]


def test_no_answer_of_the_provider_can_be_repeated_at_once(api: Api) -> None:
    """A provider that gives no answer is 503 with Retry-After; the retry need not wait for the lease."""
    first, second = api.pay(payment_method="tok_timeout"), api.pay(payment_method="tok_timeout")

    assert (first.status, second.status) == (503, 503)
    assert first.headers["Retry-After"] == "2"


def test_a_payment_without_an_answer_is_in_the_log(api: Api, world: World) -> None:
    """What was asked for stands in the log even where the provider gave no answer and nobody comes back."""
    payment = api.pay(payment_method="tok_timeout").body["payment_id"]

    assert world.log.kinds(payment) == ["created"]


def test_after_the_provider_forgot_the_key_nobody_asks_again(api: Api, world: World) -> None:
    """A retry so late that it could charge twice is refused and left to people."""
    api.pay(payment_method="tok_timeout")
    world.clock.advance(seconds=(LEASE + PROVIDER_MEMORY).total_seconds())

    reply = api.pay(payment_method="tok_timeout")

    assert reply.status == 409
    assert reply.body["type"] == "urn:tollgate:problem:outcome-unknown"
    assert world.telemetry.names.count("OutcomeUnknown") == 1
    assert world.telemetry.names.count("ChargeRequested") == 1


def test_a_slow_provider_is_waited_for(api: Api) -> None:
    """A provider that takes two seconds still captures."""
    assert api.pay(payment_method="tok_slow").body["status"] == "captured"


def test_the_amount_is_limited_by_the_environment(api: Api, world: World) -> None:
    """The largest allowed amount passes; one more is 400, names the field, and writes nothing."""
    largest, beyond = api.pay("a", amount=1_000_000), api.pay("b", amount=1_000_001)

    assert largest.status == 201
    assert (beyond.status, beyond.body["field"]) == (400, "amount")
    assert len(world.payments.items) == 1
