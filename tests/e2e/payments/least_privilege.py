"""Takes one grant at a time away from the deployed role: what nobody misses should not be granted."""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.payments.client import PAYMENT, Client, Deployed, Reply

TOO_FAST = 429
# Grants whose absence an emulated account does not show, with the reason they stay and AWS's own reference.
NOT_ENFORCED = {
    "logs:CreateLogStream": (
        "Lambda writes the function's log with its role; the emulator writes it regardless: "
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs"
    ),
    "logs:PutLogEvents": (
        "as logs:CreateLogStream: "
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs"
    ),
    "xray:PutTelemetryRecords": (
        "Lambda sends traces with the function's role; the emulator has no X-Ray: "
        "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"
    ),
    "xray:PutTraceSegments": (
        "as xray:PutTelemetryRecords: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"
    ),
}


@dataclass(frozen=True)
class Grant:
    """One action on one resource, as a statement of a role's inline policy allows it.

    Attributes:
        policy: Name of the inline policy.
        statement: Position of the statement.
        action: The action.
        resource: The resource.
    """

    policy: str
    statement: int
    action: str
    resource: str

    def __str__(self) -> str:
        """The grant, readable."""
        return f"{self.action} on {self.resource}"


class Role:
    """The role of the deployed function."""

    def __init__(self, deployed: Deployed) -> None:
        function = deployed.boto3("lambda").get_function_configuration(
            FunctionName=deployed.outputs["function_name"]
        )
        self._iam = deployed.boto3("iam")
        self._name = function["Role"].rpartition("/")[2]
        attached = self._iam.list_attached_role_policies(RoleName=self._name)["AttachedPolicies"]
        assert not attached, f"{attached} are not inline, so their actions could not be tried"

    def policies(self) -> dict[str, dict[str, Any]]:
        """Its inline policies, by name."""
        names = self._iam.list_role_policies(RoleName=self._name)["PolicyNames"]
        return {
            name: self._iam.get_role_policy(RoleName=self._name, PolicyName=name)["PolicyDocument"]
            for name in names
        }

    def grants(self) -> list[Grant]:
        """Every action on every resource that it is allowed."""
        return [grant for name, document in self.policies().items() for grant in grants_in(name, document)]

    @contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """Take a grant away; give it back in the end."""
        whole = self.policies()[grant.policy]
        self._put(grant.policy, without(whole, grant))
        try:
            yield
        finally:
            self._put(grant.policy, whole)

    def _put(self, policy: str, document: dict[str, Any]) -> None:
        if document["Statement"]:
            text = json.dumps(document)
            self._iam.put_role_policy(RoleName=self._name, PolicyName=policy, PolicyDocument=text)
        else:
            self._iam.delete_role_policy(RoleName=self._name, PolicyName=policy)


def grants_in(policy: str, document: dict[str, Any]) -> list[Grant]:
    """Every action on every resource that a policy document allows."""
    return [
        Grant(policy, number, action, resource)
        for number, statement in enumerate(document["Statement"])
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]


def without(document: dict[str, Any], grant: Grant) -> dict[str, Any]:
    """A policy document that allows all it did, save one action on one resource."""
    changed = copy.deepcopy(document)
    statement = changed["Statement"].pop(grant.statement)
    actions, resources = _list(statement["Action"]), _list(statement["Resource"])
    others = [action for action in actions if action != grant.action]
    elsewhere = [resource for resource in resources if resource != grant.resource]
    for kept_actions, kept_resources in ((others, resources), ([grant.action], elsewhere)):
        if kept_actions and kept_resources:
            part = {key: value for key, value in statement.items() if key != "Sid"}
            changed["Statement"].append(part | {"Action": kept_actions, "Resource": kept_resources})
    return changed


def _list(one_or_more: str | list[str]) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def unneeded(role: Role, works: Callable[[], bool]) -> list[Grant]:
    """The enforceable grants without which everything still works."""
    missed_by_nobody = []
    for grant in role.grants():
        if grant.action not in NOT_ENFORCED:
            with role.without(grant):
                if works():
                    missed_by_nobody.append(grant)
    return missed_by_nobody


def everything_works(client: Client) -> bool:
    """Whether every operation does all it should, each record included, at least once of three times.

    A machine too busy to answer must not pass for a grant that is missing.
    """
    return any(_works_at_once(client) for _ in range(3))


def _works_at_once(client: Client) -> bool:
    made = _answer(client, "POST", "/payments", body=PAYMENT, key=str(uuid.uuid4()))
    if made.status != 201 or made.body["records"] != "complete":
        return False
    payment, customer = made.body["id"], made.body["customer_id"]
    return [
        _answer(
            client, "POST", f"/payments/{payment}/refunds", body={"amount": 1}, key=str(uuid.uuid4())
        ).status,
        _answer(client, "GET", f"/payments/{payment}").status,
        _answer(client, "GET", f"/payments/{payment}/receipt").status,
        _answer(client, "GET", f"/customers/{customer}/payments").status,
        _answer(client, "GET", "/payments", query={"date": made.body["created_at"][:10]}).status,
    ] == [201, 200, 200, 200, 200]


def _answer(client: Client, method: str, path: str, **request: Any) -> Reply:
    """What the service says: at once, for what is forbidden stays so; only to be too fast is no answer of its."""
    while (reply := client.call(method, path, **request)).status == TOO_FAST:
        time.sleep(0.1)
    return reply
