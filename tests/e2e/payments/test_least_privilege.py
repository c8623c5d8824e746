"""The deployed role may do what the service needs and nothing more, seen by taking each grant away."""

import time
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.payments.client import Account, Client, Deployed
from tests.e2e.payments.least_privilege import (
    NOT_ENFORCED,
    Grant,
    Role,
    everything_works,
    grants_in,
    unneeded,
    without,
)

NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
STATEMENTS = st.lists(
    st.builds(lambda a, r: {"Effect": "Allow", "Action": a, "Resource": r}, NAMES, NAMES), min_size=1
)


@pytest.fixture
def role(deployed_dev: Deployed) -> Role:
    """The deployed role."""
    return Role(deployed_dev)


@pytest.mark.cloud
def test_every_grant_is_missed_when_it_is_gone(role: Role, client: Client) -> None:
    """With its role the API works; without any one enforceable grant of it, it does not."""
    before = role.policies()
    assert everything_works(client)

    superfluous = unneeded(role, lambda: everything_works(client))

    assert role.policies() == before
    assert everything_works(client)
    assert [str(grant) for grant in superfluous] == []


@pytest.mark.cloud
def test_no_grant_is_a_wildcard(role: Role) -> None:
    """Every action is named; a resource ends in a wildcard at most below its own name."""
    for grant in role.grants():
        assert "*" not in grant.action, grant
        assert grant.action in NOT_ENFORCED or ":" in grant.resource.rstrip("*").rstrip("/:"), grant


@pytest.mark.cloud
def test_each_exception_has_its_reason(role: Role) -> None:
    """What is not tried is little, and each has AWS's own reference."""
    assert all("https://docs.aws.amazon.com/" in reason for reason in NOT_ENFORCED.values())
    assert {grant.action for grant in role.grants()} - NOT_ENFORCED.keys()


@pytest.mark.cloud
def test_a_payment_loses_nothing_while_s3_refuses(role: Role, client: Client, account: Account) -> None:
    """Without the right to write to S3 the service still charges, says what it owes, delivers it later."""
    since = time.time() - 1
    with ExitStack() as taken:
        for grant in role.grants():
            if grant.action == "s3:PutObject":
                taken.enter_context(role.without(grant))
        made = client.pay()
        payment = made.body["id"]
        receipt = client.call("GET", f"/payments/{payment}/receipt")
        events_before = account.events(payment)

    after = client.call("GET", f"/payments/{payment}")

    assert (made.status, made.body["status"], made.body["records"]) == (201, "captured", "pending")
    assert (receipt.status, events_before) == (503, [])
    assert after.body["records"] == "complete"
    assert account.events(payment) == ["0001-created.json", "0002-captured.json"]
    assert client.call("GET", f"/payments/{payment}/receipt").body["amount"] == made.body["amount"]
    assert any('"RecordsDelayed"' in line for line in account.logged(since, payment))


@given(statements=STATEMENTS, data=st.data())
def test_exactly_one_grant_is_taken_away(statements: list[dict[str, object]], data: st.DataObject) -> None:
    """A policy without a grant allows everything else it did, and nothing new."""
    document = {"Version": "2012-10-17", "Statement": statements}
    before = grants_in("p", document)
    gone = data.draw(st.sampled_from(before))

    after = grants_in("p", without(document, gone))

    def pairs(grants: list[Grant]) -> list[tuple[str, str]]:
        return sorted((grant.action, grant.resource) for grant in grants)

    assert sorted([*pairs(after), (gone.action, gone.resource)]) == pairs(before)
