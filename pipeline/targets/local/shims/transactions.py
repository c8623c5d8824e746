"""A DynamoDB transaction is authorized item by item.

The emulator asks whether the caller may do `dynamodb:TransactWriteItems`, an action that AWS does not have: there
each item needs what it would need alone (PutItem, UpdateItem, DeleteItem, ConditionCheckItem, GetItem).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator

_TRANSACTIONS = frozenset({"dynamodb:TransactWriteItems", "dynamodb:TransactGetItems"})
_ACTIONS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}

_items_asked: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("items_asked", default=())
"""Action and table of each item of the transaction at hand."""


def install() -> None:
    """Judge each item of a transaction by itself."""
    resource_of = iam_actions.extract_resource_arn
    enforce = iam_evaluator.enforce

    def resource(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        params: Any,
        region: str,
        account_id: str,
    ) -> Any:
        here = f"arn:aws:dynamodb:{region}:{account_id}:table/"
        _items_asked.set(_items(body, here) if service == "dynamodb" else ())
        return resource_of(service, method, path, headers, body, params, region, account_id)

    def item_by_item(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if iam_action not in _TRANSACTIONS:
            return enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        for action, table in _items_asked.get():
            denied = enforce(access_key_id, action, service, region, table, service_context)
            if denied is not None:
                return denied
        return None

    iam_actions.extract_resource_arn = resource
    iam_evaluator.enforce = item_by_item


def _items(body: bytes, here: str) -> tuple[tuple[str, str], ...]:
    """Return action and table of each item; an item of no known kind needs an action that nobody has."""
    try:
        items = json.loads(body).get("TransactItems", [])
        return tuple(
            (_ACTIONS.get(kind, f"dynamodb:{kind}"), _table(item["TableName"], here))
            for each in items
            for kind, item in each.items()
        )
    except (ValueError, AttributeError, TypeError, KeyError):
        return ()  # no transaction, or none that the emulator would carry out


def _table(name: str, here: str) -> str:
    return name if name.startswith("arn:") else here + name
