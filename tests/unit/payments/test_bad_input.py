"""Everything a client can send wrong: a 4xx problem document that names the field, and nothing written."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.entrypoints.schemas import MAX_AMOUNT
from tests.unit.payments.http import PAYMENT, Api, Reply, request_event
from tests.unit.payments.memory import World

REQUIRED = object()


def refused(world: World, reply: Reply, status: int, field: str | None) -> None:
    """Check that a request was refused for this field and that the world is as empty as before."""
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body.get("field") == field
    assert reply.body["status"] == status
    assert reply.body["request_id"] == "request-1"
    assert (world.payments.items, world.log.events, world.receipts.documents) == ({}, {}, {})
    assert world.bank.charges == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "1500"),
        ("amount", 1500.0),
        ("amount", 1500.5),
        ("amount", True),
        ("amount", None),
        ("amount", 0),
        ("amount", -1),
        ("amount", MAX_AMOUNT + 1),
        ("amount", 10**30),
        ("amount", REQUIRED),
        ("currency", "krw"),
        ("currency", "XXX"),
        ("currency", "KRW\n"),
        ("currency", 410),
        ("currency", REQUIRED),
        ("customer_id", ""),
        ("customer_id", "a" * 65),
        ("customer_id", "ada@example.com"),
        ("customer_id", "cus/../ada"),
        ("customer_id", ["cus_ada"]),
        ("customer_id", REQUIRED),
        ("payment_method", "4242424242424242"),
        ("payment_method", "tok_"),
        ("payment_method", "tok_" + "a" * 129),
        ("payment_method", REQUIRED),
        ("metadata", []),
        ("metadata", {f"k{number}": "" for number in range(21)}),
        ("metadata.k", {"k": 1}),
        ("metadata.k", {"k": "a" * 501}),
        ("metadata.k", {"k": "line\nbreak"}),
        ("metadata.k", {"k": "nul\u0000"}),
        ("metadata.k", {"k": "half \ud800 a pair"}),
        ("metadata.k", {"k": "\u0085"}),
        ("metadata.\\udfff", {"\udfff": "x"}),
        ("metadata." + "a" * 41, {"a" * 41: "x"}),
        ("metadata.no spaces", {"no spaces": "x"}),
        ("unknown", "x"),
    ],
)
def test_a_wrong_field_is_named(api: Api, world: World, field: str, value: object) -> None:
    """A body with one wrong field is 400, and the problem names that field."""
    name = field.partition(".")[0]
    body = {key: kept for key, kept in (PAYMENT | {name: value}).items() if kept is not REQUIRED}

    refused(world, api.call("POST", "/payments", body=body, key="k"), 400, field)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"text"',
        "{",
        "{}{}",
        "not json",
        "NaN",
        "\ufeff{}",
        "[" * 60_000,
        '{"a":' * 10_000,
        '{"amount": ' + "9" * 5000 + "}",
        '{"amount": NaN}',
        '{"amount": Infinity}',
        '"\ud800"',
        '"\\ud800"',
    ],
)
def test_what_is_not_one_json_object_is_refused(api: Api, world: World, text: str) -> None:
    """A body that is no JSON object, or one no reader agrees on, is 400."""
    refused(world, api.call("POST", "/payments", raw_body=text, key="k"), 400, "body")


def test_a_name_that_occurs_twice_is_refused(api: Api, world: World) -> None:
    """Of two amounts nobody may choose one."""
    text = json.dumps(PAYMENT)[:-1] + ', "amount": 1}'

    refused(world, api.call("POST", "/payments", raw_body=text, key="k"), 400, "amount")


def test_a_huge_body_is_refused(api: Api, world: World) -> None:
    """A body longer than any sensible one is 413, before it is read."""
    refused(world, api.call("POST", "/payments", raw_body=" " * 65_537, key="k"), 413, "body")


def test_a_body_that_is_not_json_by_its_type_is_refused(api: Api, world: World) -> None:
    """Another media type is 415; a charset beside the right one does no harm."""
    wrong = api.call("POST", "/payments", body=PAYMENT, key="k", headers={"Content-Type": "text/plain"})
    refused(world, wrong, 415, "Content-Type")

    right = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert api.call("POST", "/payments", body=PAYMENT, key="k", headers=right).status == 201


@pytest.mark.parametrize("depth", [100, 900, 5000])
@pytest.mark.parametrize("name", ["amount", "metadata", "x"])
def test_a_deep_body_is_refused(api: Api, world: World, name: str, depth: int) -> None:
    """Nesting, deep enough for the reader or too deep for it, is 400 wherever it stands."""
    deep = '{"amount":' * depth + "1" + "}" * depth
    reply = api.call(
        "POST", "/payments", raw_body=json.dumps(PAYMENT)[:-1] + f', "{name}2": {deep}}}', key="k"
    )
    inside = api.call("POST", "/payments", raw_body=f'{{"{name}": {deep}}}', key="k")

    refused(world, reply, 400, reply.body["field"])
    refused(world, inside, 400, inside.body["field"])


@pytest.mark.parametrize("body", ["%%%", base64.b64encode(b'{"a": "\xff"}').decode(), "\ud800"])
def test_a_binary_body_has_to_be_utf8(api: Api, world: World, body: str) -> None:
    """A body that API Gateway passes as base64 is refused where it is not UTF-8 text."""
    event = request_event("POST", "/payments", raw_body=body, key="k") | {"isBase64Encoded": True}

    refused(world, api.send(event), 400, "body")


def test_a_binary_body_of_utf8_is_read(api: Api) -> None:
    """A body that API Gateway passes as base64 means the same as one passed as text."""
    text = base64.b64encode(json.dumps(PAYMENT).encode()).decode()
    event = request_event("POST", "/payments", raw_body=text, key="k") | {"isBase64Encoded": True}

    assert api.send(event).body == api.pay("k").body


@pytest.mark.parametrize("key", [None, "", " ", "a" * 256, "clé", "a\nb", "a b", "\ud800"])
def test_a_missing_or_wrong_key_is_refused(api: Api, world: World, key: str | None) -> None:
    """A POST without an idempotency key, or with one no header can carry, is 400 and names the header."""
    refused(world, api.call("POST", "/payments", body=PAYMENT, key=key), 400, "Idempotency-Key")


def test_the_longest_key_is_accepted(api: Api) -> None:
    """A key of 255 characters is a key, whatever the case of its header's name."""
    reply = api.call("POST", "/payments", body=PAYMENT, headers={"idempotency-KEY": "~" * 255})

    assert reply.status == 201


def test_a_request_without_a_client_is_refused(api: Api, world: World) -> None:
    """A request that reached the function without an API key is 403."""
    refused(world, api.call("POST", "/payments", body=PAYMENT, key="k", client=None), 403, None)


def test_a_client_is_told_by_its_key_where_its_id_is_missing(api: Api) -> None:
    """Where API Gateway names no key id, the key itself tells clients apart."""
    one, same, other = (
        api.call("POST", "/payments", body=PAYMENT, key="k", client=None, headers={"X-Api-Key": key})
        for key in ("one", "one", "other")
    )

    assert one.body["id"] == same.body["id"] != other.body["id"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "date"),
        ({"date": ""}, "date"),
        ({"date": "2026-02-30"}, "date"),
        ({"date": "20260301"}, "date"),
        ({"date": "2026-W09-7"}, "date"),
        ({"date": "2026-03-01T00:00:00Z"}, "date"),
        ({"date": "0000-01-01"}, "date"),
        ({"date": "\u0662\u0660\u0662\u0666-03-01"}, "date"),
        ({"date": ["2026-03-01", "2026-03-02"]}, "date"),
        ({"date": "2026-03-01", "limit": "0"}, "limit"),
        ({"date": "2026-03-01", "limit": "51"}, "limit"),
        ({"date": "2026-03-01", "limit": "-1"}, "limit"),
        ({"date": "2026-03-01", "limit": "1.0"}, "limit"),
        ({"date": "2026-03-01", "limit": "\u0663"}, "limit"),
        ({"date": "2026-03-01", "limit": "1" * 5000}, "limit"),
        ({"date": "2026-03-01", "unknown": "x"}, "unknown"),
        ({"date": "2026-03-01", "\ud800": "x"}, "\\ud800"),
    ],
)
def test_a_wrong_query_is_named(api: Api, world: World, query: dict[str, Any], field: str) -> None:
    """A query with one wrong parameter is 400, and the problem names it."""
    refused(world, api.call("GET", "/payments", query=query), 400, field)


@pytest.mark.parametrize("name", ["id", "Idempotency-Key", "idempotency-key"])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/receipt"), ("POST", "/refunds")])
def test_a_query_stands_in_for_no_path_and_no_header(
    api: Api, world: World, method: str, rest: str, name: str
) -> None:
    """A parameter of the path or a header, sent in the query, is 400 and acts on no payment at all."""
    one, other = api.pay("one").body["id"], api.pay("other").body["id"]

    reply = api.call(method, f"/payments/{one}{rest}", query={name: other}, key="k", body={})

    assert (reply.status, reply.body["field"]) == (400, name)
    assert world.bank.refunds == []


def test_a_customer_in_the_query_lists_nobody(api: Api) -> None:
    """The customer stands in the path; another one in the query is 400."""
    reply = api.call("GET", "/customers/cus_ada/payments", query={"id": "cus_other"})

    assert (reply.status, reply.body["field"]) == (400, "id")


def test_a_key_in_the_query_pays_nothing(api: Api, world: World) -> None:
    """An idempotency key in the query is no key: 400, with and without the header."""
    for key in (None, "k"):
        reply = api.call("POST", "/payments", body=PAYMENT, query={"Idempotency-Key": "x"}, key=key)
        refused(world, reply, 400, "Idempotency-Key")


@pytest.mark.parametrize(
    "payment", ["x", "pay_", "pay_" + "G" * 40, "pay_" + "0" * 5000, "pay_" + "0" * 40 + "\n"]
)
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/receipt"), ("POST", "/refunds")])
def test_an_id_of_no_payment_is_not_found(
    api: Api, world: World, payment: str, method: str, rest: str
) -> None:
    """An id of another shape than ours is as unknown as any other, and reaches no store."""
    reply = api.call(method, f"/payments/{payment}{rest}", body={} if method == "POST" else None, key="k")

    refused(world, reply, 404, None)


def test_a_customer_id_of_another_shape_is_refused(api: Api, world: World) -> None:
    """A customer id that no payment can have is 400."""
    refused(world, api.call("GET", "/customers/ada@example.com/payments"), 400, "id")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("DELETE", "/payments"), ("GET", "/payments/a/b/c")]
)
def test_what_is_not_there_is_a_problem_too(api: Api, world: World, method: str, path: str) -> None:
    """A method or path that no operation has is 404 in the same shape."""
    reply = api.call(method, path)

    refused(world, reply, 404, None)
    assert reply.body["type"] == "urn:tollgate:problem:not-found"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(body=st.dictionaries(st.sampled_from([*PAYMENT, "metadata", "x"]), ANYTHING, max_size=6))
def test_no_body_is_a_fault_of_ours(body: dict[str, object]) -> None:
    """Whatever JSON comes, the answer is 201 or a refusal that names a field; it is never a 5xx."""
    world = World()
    reply = Api(world).call("POST", "/payments", body=PAYMENT | body, key="k")

    assert reply.status == 201 or (reply.status == 400 and reply.body["field"])
    assert (reply.status == 201) == bool(world.payments.items)


@pytest.mark.parametrize("number", ["4242424242424242", "tok visa", "\ud800"])
def test_a_refusal_never_repeats_what_was_sent(api: Api, number: str) -> None:
    """A card number sent where a token belongs does not come back in the problem document."""
    reply = api.call("POST", "/payments", body=PAYMENT | {"payment_method": number}, key="k")

    assert reply.status == 400
    assert number not in json.dumps(reply.body, ensure_ascii=False)
