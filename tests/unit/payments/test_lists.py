import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.domain.payment import MAX_REFUNDS
from payments.entrypoints.parameters import LIMIT
from tests.unit.payments.http import LAMBDA_CONTEXT, PAYMENT, Api, Reply, request_event
from tests.unit.payments.memory import World


def follow(api: Api, path: str, query: dict[str, str]) -> list[str]:
    """Read every page and return the ids in order."""
    ids: list[str] = []
    while True:
        page = api.call("GET", path, query=query)
        assert page.status == 200
        ids += [payment["id"] for payment in page.body["payments"]]
        if "cursor" not in page.body:
            return ids
        assert len(page.body["payments"]) == int(query["limit"])
        query = query | {"cursor": page.body["cursor"]}


@settings(max_examples=25)
@given(count=st.integers(0, 7), limit=st.integers(1, 8))
def test_pages_hold_every_payment_once_newest_first(count: int, limit: int) -> None:
    """Whatever the page size, following the cursor shows every payment once."""
    api = Api(World())
    made = [api.pay(f"k{number}").body["id"] for number in range(count)]
    api.pay("other", customer_id="cus_other")
    newest_first = list(reversed(made))

    by_customer = follow(api, "/customers/cus_ada/payments", {"limit": str(limit)})
    by_date = follow(api, "/payments", {"limit": str(limit), "date": "2026-03-01"})

    assert by_customer == newest_first
    assert [found for found in by_date if found in made] == newest_first
    assert len(by_date) == count + 1


def test_days_bound_a_customers_list(api: Api, world: World) -> None:
    """`from` and `to` are days, both included, and either may be absent."""
    ids = []
    for day in range(3):
        ids.append(api.pay(f"k{day}").body["id"])
        world.clock.advance(days=1)

    def listed(**query: str) -> list[str]:
        reply = api.call("GET", "/customers/cus_ada/payments", query=query)
        return [payment["id"] for payment in reply.body["payments"]]

    assert listed() == ids[::-1]
    assert listed(**{"from": "2026-03-02"}) == ids[:0:-1]
    assert listed(to="2026-03-02") == ids[1::-1]
    assert listed(**{"from": "2026-03-02", "to": "2026-03-02"}) == [ids[1]]


def test_days_in_the_wrong_order_are_refused(api: Api) -> None:
    """A list that would end before it begins is the caller's mistake, and says so."""
    reply = api.call("GET", "/customers/cus_ada/payments", query={"from": "2026-03-02", "to": "2026-03-01"})

    assert (reply.status, reply.body["type"]) == (400, "urn:tollgate:problem:invalid-request")
    assert reply.body["detail"] == "from must not be after to"


def test_nothing_to_list_is_an_empty_page(api: Api) -> None:
    """An unknown customer has an empty list, without a cursor."""
    assert api.call("GET", "/customers/nobody/payments").body == {"payments": []}


# What Lambda takes as an answer, 6 MB, less what API Gateway's envelope needs.
MOST_BYTES = 5_000_000
# Two characters that grow: one is four bytes of UTF-8, the other is escaped, and in Lambda's envelope once more.
WORST_TEXTS = ["\U0001f600" * 500, '"' * 500]


@pytest.mark.parametrize("text", WORST_TEXTS)
def test_the_largest_page_fits_into_an_answer(world: World, text: str) -> None:
    """A page of the largest payments there can be, each with all its refunds, is one that Lambda can carry."""
    api = Api(world)
    largest = PAYMENT | {"amount": 100_000, "metadata": {f"{number:040}": text for number in range(20)}}
    body = json.dumps(largest, ensure_ascii=False)
    most = LIMIT.schema["maximum"]
    paid = [api.call("POST", "/payments", raw_body=body, key=f"k{number}") for number in range(most)]
    assert {reply.status for reply in paid} == {201}
    for key in range(MAX_REFUNDS):
        api.refund(paid[0].body["id"], f"r{key}", amount=1)
    full = world.payments.items[paid[0].body["id"]]
    for number, payment in world.payments.items.items():
        world.payments.items[number] = replace(payment, refunds=full.refunds)

    query = {"date": "2026-03-01", "limit": str(most)}
    answer = api.handler(request_event("GET", "/payments", query=query), LAMBDA_CONTEXT)

    assert [len(payment["refunds"]) for payment in json.loads(answer["body"])["payments"]] == [
        MAX_REFUNDS
    ] * most
    size = len(json.dumps(answer, ensure_ascii=False).encode())  # as Lambda's Python writes it since 3.12
    assert size < MOST_BYTES


def refused_cursor(reply: Reply) -> bool:
    """Whether a reply is the refusal of a cursor."""
    return (reply.status, reply.body.get("field")) == (400, "cursor")


@given(cursor=st.text(min_size=1, max_size=60))
def test_a_cursor_made_up_is_refused(cursor: str) -> None:
    """Any text that is not a cursor of ours is 400, naming the cursor."""
    api = Api(World())

    assert refused_cursor(api.call("GET", "/payments", query={"date": "2026-03-01", "cursor": cursor}))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/customers/cus_other/payments", {}),
        ("/customers/cus_ada/payments", {"to": "2026-02-28"}),
        ("/customers/cus_ada/payments", {"from": "2026-03-02"}),
        ("/payments", {"date": "2026-03-02"}),
    ],
)
def test_a_cursor_of_another_listing_is_refused(api: Api, path: str, query: dict[str, str]) -> None:
    """A cursor that names a real payment is still refused where that payment is not listed."""
    api.pay("k1")
    api.pay("k2")
    cursor = api.call("GET", "/customers/cus_ada/payments", query={"limit": "1"}).body["cursor"]

    assert refused_cursor(api.call("GET", path, query=query | {"cursor": cursor}))
    assert refused_cursor(api.call("GET", path, query=query | {"cursor": "pay_" + "0" * 40}))
