"""What is made new and yet may do what exists already: roles, managed policies, open doors, first expiries."""

import json
from typing import Any

import pytest

from pipeline.model.change_set import Action, ResourceChange
from pipeline.model.safety import Kind, Severity, findings
from pipeline.model.values import Unknown
from tests.unit.pipeline.change_sets import attribute, change, change_set

_ARN = "arn:aws:iam::222222222222:role/operators-staging"
_NEW_ROLE = change("aws_iam_role", Action.CREATE, name="new")
_OF_NEW_ROLE = Unknown(("aws_iam_role.new.arn",))


def _rules(*changes: ResourceChange, **stacks: Any) -> list[str]:
    return sorted(finding.rule for finding in findings(change_set(*changes), **stacks))


def _made(kind: str, path: str, after: Any) -> ResourceChange:
    return change(kind, Action.CREATE, attribute(path, None, after))


@pytest.mark.parametrize(
    "role",
    [
        _ARN,
        Unknown(("aws_iam_role.old.arn",)),
        Unknown(("data.aws_iam_role.new.arn",)),
        Unknown(("var.role",)),
        Unknown(("aws_iam_role.new.arn", "var.suffix")),
        Unknown((), secret=True),
    ],
)
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("aws_lambda_function", "role"),
        ("aws_api_gateway_integration", "credentials"),
        ("aws_sns_topic", "lambda_success_feedback_role_arn"),
        ("aws_kinesis_firehose_delivery_stream", "extended_s3_configuration.0.role_arn"),
    ],
)
def test_something_new_that_acts_as_a_role_that_exists_is_found(kind: str, path: str, role: Any) -> None:
    """A new function with an old role can do at once all that the role could."""
    (finding,) = findings(change_set(_NEW_ROLE, _made(kind, path, role)))
    assert (finding.rule, finding.kind, finding.severity) == ("access/role", Kind.ACCESS, Severity.HIGH)
    assert "acts as a role that exists already" in finding.sentence


def test_a_role_that_is_made_at_the_same_time_is_judged_by_its_policies() -> None:
    """A new function with a new role may do what the role's policies newly say, which are findings."""
    assert _rules(_NEW_ROLE, _made("aws_lambda_function", "role", _OF_NEW_ROLE)) == []
    kept = change("aws_iam_role", Action.UPDATE, attribute("description", "a", "b"), name="new")
    replaced = change("aws_iam_role", Action.REPLACE_DELETE_FIRST, name="new")
    for other in (kept, replaced):
        assert "access/role" in _rules(other, _made("aws_lambda_function", "role", _OF_NEW_ROLE))


@pytest.mark.parametrize("action", [Action.UPDATE, Action.REPLACE_CREATE_FIRST, Action.REPLACE_DELETE_FIRST])
@pytest.mark.parametrize(
    ("kind", "path"),
    [("aws_lambda_function", "role"), ("aws_pipes_pipe", "x.0.role_arn"), ("aws_sns_topic", "sqs_role_arn")],
)
def test_another_role_than_before_is_found_even_if_it_is_new(kind: str, path: str, action: Action) -> None:
    """Who something acts as decides what it may do, wherever in the resource it is said."""
    for after in (_ARN, _OF_NEW_ROLE, None):
        changed = change(kind, action, attribute(path, "arn:aws:iam::222222222222:role/a-staging", after))
        assert "access/attribute" in _rules(_NEW_ROLE, changed)


@pytest.mark.parametrize("path", ["environment.0.variables.role", "tags.role", "parameters.role_arn"])
def test_a_name_that_anybody_chose_is_no_role(path: str) -> None:
    """A variable or a tag that is called like a role gives nobody anything."""
    assert _rules(_made("aws_lambda_function", path, "x")) == []
    assert _rules(change("aws_lambda_function", Action.UPDATE, attribute(path, "x", "y"))) == []


@pytest.mark.parametrize(
    ("kind", "path", "after", "is_found"),
    [
        ("aws_iam_role", "managed_policy_arns", ["arn:aws:iam::aws:policy/AdministratorAccess"], True),
        ("aws_iam_role", "managed_policy_arns", [], False),
        ("aws_iam_role", "managed_policy_arns", Unknown(), False),
        ("aws_iam_role", "permissions_boundary", "arn:aws:iam::1:policy/b", False),
        ("aws_s3_object", "acl", "public-read", True),
        ("aws_s3_object", "acl", "private", False),
        ("aws_db_instance", "publicly_accessible", True, True),
        ("aws_db_instance", "publicly_accessible", False, False),
    ],
)
def test_something_open_from_the_start_is_found(kind: str, path: str, after: Any, is_found: bool) -> None:
    """What is new gives access by its own attributes, too; the strictest setting gives none."""
    assert _rules(_made(kind, path, after)) == (["access/attribute"] if is_found else [])


@pytest.mark.parametrize("key", [False, None, Unknown(("var.x",))])
def test_a_new_method_without_a_key_is_found(key: Any) -> None:
    """A new way into the API that asks for no key is open to everybody."""
    assert _rules(_made("aws_api_gateway_method", "api_key_required", key)) == ["access/open-method"]
    assert _rules(_made("aws_api_gateway_method", "api_key_required", True)) == []


@pytest.mark.parametrize(
    ("kind", "name", "text", "rule"),
    [
        ("aws_lambda_function", "role", _ARN, "access/role"),
        ("aws_iam_role", "managed_policy_arns", ["arn:aws:iam::aws:policy/X"], "access/attribute"),
        ("aws_api_gateway_method", "api_key_required", False, "access/open-method"),
    ],
)
def test_what_the_environment_before_has_too_is_proven(kind: str, name: str, text: Any, rule: str) -> None:
    """Written the same in the environment before it is no news on first creation; otherwise it is."""
    here = {"resource": {kind: {"it": {name: text}}}}
    other = {"resource": {kind: {"it": {name: "other"}}}}
    made = _made(kind, name, text)
    assert _rules(made, stack=here, baseline=here) == []
    unproven: list[Any] = [other, {"resource": {kind: {"it": {}}}}, {"resource": {}}, None]
    for baseline in unproven:
        assert _rules(made, stack=here, baseline=baseline) == [rule]
    assert _rules(made, baseline=here) == [rule]


def test_the_same_policy_on_another_role_is_news() -> None:
    """A policy that was proven on one role in the environment before is not proven on another one."""
    text = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x"}]})
    here = {"resource": {"aws_iam_role_policy": {"it": {"policy": text, "role": "${aws_iam_role.a.id}"}}}}
    there = {"resource": {"aws_iam_role_policy": {"it": {"policy": text, "role": "${aws_iam_role.b.id}"}}}}
    made = _made("aws_iam_role_policy", "policy", text)
    assert _rules(made, stack=here, baseline=here) == []
    assert _rules(made, stack=here, baseline=there) == ["access/grant"]


def _trust(**principal: str) -> str:
    return json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    )


def test_every_change_of_who_may_take_a_role_is_found() -> None:
    """Another principal, one more, or a new role's trust: only a person can judge who that is."""
    before, other = _trust(Service="lambda.amazonaws.com"), _trust(AWS="arn:aws:iam::999999999999:root")
    both = json.dumps({"Statement": json.loads(before)["Statement"] + json.loads(other)["Statement"]})
    for after in (other, both, _trust(AWS="*")):
        changed = attribute("assume_role_policy", before, after)
        assert _rules(change("aws_iam_role", Action.UPDATE, changed)) == ["access/statement"]
    assert _rules(_made("aws_iam_role", "assume_role_policy", before)) == ["access/statement"]


@pytest.mark.parametrize(
    "kind", ["aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_user_policy_attachment"]
)
def test_every_attached_policy_is_found(kind: str) -> None:
    """A managed policy that is attached, or attached to someone else, is a finding once, and is named."""
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    (finding,) = findings(change_set(_made(kind, "policy_arn", arn)))
    assert finding.rule == "access/resource"
    assert arn in finding.sentence
    elsewhere = change(kind, Action.REPLACE_DELETE_FIRST, attribute("role", "a", "b"))
    assert "access/resource" in _rules(elsewhere)


_EXPIRY = "aws_s3_bucket_lifecycle_configuration"


@pytest.mark.parametrize(
    ("bucket", "is_found"),
    [
        (Unknown(("aws_s3_bucket.log.id",)), False),
        ("log-staging", False),
        ("other-staging", True),
        (Unknown(("aws_s3_bucket.other.id",)), True),
        (None, True),
    ],
)
def test_a_first_expiry_on_a_bucket_with_data_is_data_loss(bucket: Any, is_found: bool) -> None:
    """What is older than the new expiry goes at once; in a new bucket there is nothing yet."""
    new = change("aws_s3_bucket", Action.CREATE, attribute("bucket", None, "log-staging"), name="log")
    expiry = change(
        _EXPIRY,
        Action.CREATE,
        attribute("bucket", None, bucket),
        attribute("rule.0.expiration.0.days", None, 7),
        attribute("rule.0.filter.0.prefix", None, ""),
        attribute("rule.0.status", None, "Enabled"),
    )
    assert _rules(new, expiry) == (["data-loss/retention"] if is_found else [])


def test_an_expiry_that_shortens_while_it_is_replaced_is_data_loss() -> None:
    """What forgets sooner does so also when the thing that says so is made anew."""
    days = attribute("rule.0.expiration.0.days", 90, 7)
    kept = attribute("rule.0.status", "Enabled", "Enabled")
    replaced = change(_EXPIRY, Action.REPLACE_DELETE_FIRST, days, kept)
    assert _rules(replaced) == ["data-loss/retention", "disruption/replace"]
