"""Permission documents: what is read, and what counts as allowing everything."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.gate.iam import EVERYTHING, IDENTITY, Statement, covers, statements
from policies.gate.stack import Resource, Stack

NAMES = st.text(alphabet="abcDEF:*?", min_size=1, max_size=12)


def read(policy: Any) -> list[Statement]:
    """The statements of a role policy with this text."""
    stack = Stack("payments-dev", "dev", Path("x"), "", {"resource": {}})
    return statements(Resource(stack, "aws_iam_role_policy", "p", {"policy": policy}), IDENTITY)


@pytest.mark.parametrize(
    "policy",
    [
        "${data.aws_iam_policy_document.d.json}",
        "${jsonencode({})}",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"Statement": ["text"]}',
        '{"Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "s3:GetObject"}]}',
        '{"Statement": [{"Effect": "allow", "Action": "s3:GetObject"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Extra": 1}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Condition": "text"}]}',
        {"Statement": []},
        7,
    ],
)
def test_what_cannot_be_read_allows_everything(policy: Any) -> None:
    """A document of any other shape is taken for the worst."""
    assert EVERYTHING in read(policy)


@given(action=NAMES, resource=NAMES)
def test_one_or_a_list_of_one_is_the_same(action: str, resource: str) -> None:
    """IAM takes a text for a list of one; so do we."""
    plain = {"Effect": "Allow", "Action": action, "Resource": resource}
    listed = {"Effect": "Allow", "Action": [action], "Resource": [resource]}

    (one,) = read(json.dumps({"Statement": plain}))
    (other,) = read(json.dumps({"Statement": [listed]}))

    assert (one.actions, one.resources) == (other.actions, other.resources) == ([action], [resource])


@given(st.text(alphabet="abcDEF:", min_size=1, max_size=12))
def test_an_action_is_covered_by_itself_in_any_case_and_by_a_star(action: str) -> None:
    """IAM does not tell `s3:GetObject` from `S3:getobject`, and `*` reaches everything."""
    assert covers([action.upper()], action.lower())
    assert covers(["*"], action)
    assert not covers([], action)


def test_naming_the_exceptions_is_naming_everything() -> None:
    """NotAction, NotResource and NotPrincipal count as a star."""
    text = '{"Statement": {"Effect": "Allow", "NotAction": "a", "NotResource": "b", "NotPrincipal": "c"}}'

    (statement,) = read(text)

    assert (statement.actions, statement.resources, statement.principals) == (["*"], ["*"], ["*"])
