"""Requests carry, before IAM, the names that AWS's service authorization reference gives them."""

import json

import pytest

pytest.importorskip("ministack", reason="the emulator is a dependency group of its own")

from ministack.core import iam_actions

from pipeline.targets.local.shims import authorization

_REGION = "ap-northeast-2"
_ACCOUNT = "111122223333"
_HERE = f"{_REGION}:{_ACCOUNT}"


@pytest.mark.parametrize(
    ("service", "method", "path", "action", "resource"),
    [
        (
            "apigateway",
            "GET",
            "/restapis/abc",
            "apigateway:GET",
            f"arn:aws:apigateway:{_REGION}::/restapis/abc",
        ),
        ("apigateway", "PATCH", "/account", "apigateway:PATCH", f"arn:aws:apigateway:{_REGION}::/account"),
        (
            "lambda",
            "GET",
            "/2015-03-31/functions/pay/aliases/live",
            "lambda:GetAlias",
            f"arn:aws:lambda:{_HERE}:function:pay",
        ),
        (
            "lambda",
            "DELETE",
            "/2015-03-31/functions/pay/aliases/live",
            "lambda:DeleteAlias",
            f"arn:aws:lambda:{_HERE}:function:pay",
        ),
        (
            "lambda",
            "POST",
            "/2015-03-31/functions/pay/invocations",
            "lambda:InvokeFunction",
            f"arn:aws:lambda:{_HERE}:function:pay",
        ),
        (
            "lambda",
            "GET",
            f"/2017-03-31/tags/arn%3Aaws%3Alambda%3A{_REGION}%3A{_ACCOUNT}%3Afunction%3Apay",
            "lambda:ListTags",
            f"arn:aws:lambda:{_HERE}:function:pay",
        ),
    ],
)
def test_a_path_means_what_it_means_on_aws(
    service: str, method: str, path: str, action: str, resource: str
) -> None:
    """REST requests are told apart by method and path, down to the alias and the tag."""
    authorization.install()
    assert iam_actions.extract_iam_action(service, method, path, {}, b"", {}) == action
    assert iam_actions.extract_resource_arn(service, method, path, {}, b"", {}, _REGION, _ACCOUNT) == resource


@pytest.mark.parametrize(
    ("service", "operation", "fields", "resource"),
    [
        ("logs", "DescribeLogGroups", {}, f"arn:aws:logs:{_HERE}:log-group::log-stream:"),
        ("logs", "ListTagsForResource", {"resourceArn": "arn:of:group"}, "arn:of:group"),
        ("dynamodb", "ListTagsOfResource", {"ResourceArn": "arn:of:table"}, "arn:of:table"),
        ("monitoring", "DescribeAlarms", {}, f"arn:aws:cloudwatch:{_HERE}:alarm:*"),
        ("monitoring", "DeleteAlarms", {"AlarmNames": ["a"]}, f"arn:aws:cloudwatch:{_HERE}:alarm:a"),
        ("monitoring", "GetDashboard", {"DashboardName": "d"}, f"arn:aws:cloudwatch::{_ACCOUNT}:dashboard/d"),
        ("lambda", "CreateFunction", {"FunctionName": "pay"}, f"arn:aws:lambda:{_HERE}:function:pay"),
        ("sns", "ListTopics", {}, "*"),
    ],
)
def test_a_body_names_its_resource(service: str, operation: str, fields: object, resource: str) -> None:
    """What a JSON request is about is found in its body, and is everything only where AWS says so."""
    authorization.install()
    body = json.dumps(fields).encode()
    headers = {"x-amz-target": f"Service.{operation}"}
    found = iam_actions.extract_resource_arn(service, "POST", "/", headers, body, {}, _REGION, _ACCOUNT)
    assert found == resource


def test_a_form_names_its_resource() -> None:
    """The query protocol says in its form what JSON says in its body."""
    authorization.install()
    form = {"Action": ["ListTagsForResource"], "ResourceArn": ["arn:of:topic"]}
    body = b"Action=ListTagsForResource&ResourceArn=arn%3Aof%3Atopic"
    assert (
        iam_actions.extract_resource_arn("sns", "POST", "/", {}, body, form, _REGION, _ACCOUNT)
        == "arn:of:topic"
    )
