"""What a request is called, and what it is about, when IAM is asked whether it may be.

The emulator asks about the API's operations, some of them mistaken, and leaves some resources unnamed. AWS's
service authorization reference has other names for these, so that a policy that is right on AWS would be
refused here, or the other way round:

* API Gateway is authorized by HTTP method and path: `apigateway:GET` on `arn:aws:apigateway:<region>::<path>`
  (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html).
* Lambda's operations are told apart by path and method, all of them: reading an alias is not listing aliases.
* Tags are read and written on the resource whose ARN the request carries.
* Whoever makes or changes a role can be held to its boundary by the condition key `iam:PermissionsBoundary`.
* Alarms are listed on all alarms, log groups on the log group without a name; a dashboard has an ARN.
"""

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.services import iam

BOUNDARY_ASKED: ContextVar[str | None] = ContextVar("boundary_asked", default=None)
"""The boundary that the role has, or is to have, which the request at hand is about."""

_TAGS_OF_A_FUNCTION = "/2017-03-31/tags/"
_INVOKING = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
_ARN_FIELDS = ("ResourceArn", "ResourceARN", "resourceArn")


def install() -> None:
    """Give the emulator's two readers of requests AWS's names."""
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]  # noqa: SLF001 (lets its matcher of paths know Lambda's)
    iam_actions.extract_iam_action = _naming_actions(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = _naming_resources(iam_actions.extract_resource_arn)


def _naming_actions(otherwise: Callable[..., str | None]) -> Callable[..., str | None]:
    def action(service: str, method: str, path: str, headers: Any, body: bytes, params: Any) -> str | None:
        if _is_rest_api(service, path):
            return f"apigateway:{method}"
        if service == "lambda":
            operation = iam_actions._match_rest_action(service, method, path, params)  # noqa: SLF001 (as above)
            if operation:
                return "lambda:InvokeFunction" if operation in _INVOKING else f"lambda:{operation}"
        return otherwise(service, method, path, headers, body, params)

    return action


def _naming_resources(otherwise: Callable[..., str]) -> Callable[..., str]:
    def resource(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        params: Any,
        region: str,
        account_id: str,
    ) -> str:
        BOUNDARY_ASKED.set(_boundary(params) if service == "iam" else None)
        if _is_rest_api(service, path):
            return f"arn:aws:apigateway:{region}::{path}"
        found = otherwise(service, method, path, headers, body, params, region, account_id)
        if found != "*":
            return found
        if service == "lambda" and path.startswith(_TAGS_OF_A_FUNCTION):
            return unquote(path.removeprefix(_TAGS_OF_A_FUNCTION))
        fields = _fields(params, body)
        for name in _ARN_FIELDS:
            if fields.get(name):
                return str(fields[name])
        return _unnamed(service, _operation(headers, fields), fields, f"{region}:{account_id}", account_id)

    return resource


def _is_rest_api(service: str, path: str) -> bool:
    return service == "apigateway" and not path.startswith("/v2/")


def _boundary(params: Mapping[str, list[str]]) -> str | None:
    fields = {name: values[0] for name, values in params.items()}
    if fields.get("PermissionsBoundary"):
        return fields["PermissionsBoundary"]
    role = iam._roles.get(fields.get("RoleName", "")) or {}  # noqa: SLF001 (its store has no other door)
    return role.get("PermissionsBoundary") or None


def _operation(headers: Any, fields: Mapping[str, Any]) -> str:
    return str(headers.get("x-amz-target", "").rpartition(".")[2] or fields.get("Action", ""))


def _unnamed(service: str, operation: str, fields: Mapping[str, Any], here: str, account_id: str) -> str:
    """Return the resource of a request that names it in no way the emulator knows."""
    if service == "logs" and operation == "DescribeLogGroups":
        return f"arn:aws:logs:{here}:log-group::log-stream:"
    if service == "lambda" and fields.get("FunctionName"):
        return f"arn:aws:lambda:{here}:function:{fields['FunctionName']}"
    if service != "monitoring":
        return "*"
    if operation == "DescribeAlarms":
        return f"arn:aws:cloudwatch:{here}:alarm:*"
    deleted = fields.get("AlarmNames.member.1") or next(iter(fields.get("AlarmNames", [])), None)
    if deleted:
        return f"arn:aws:cloudwatch:{here}:alarm:{deleted}"
    board = (
        fields.get("DashboardName")
        or fields.get("DashboardNames.member.1")
        or next(iter(fields.get("DashboardNames", [])), None)
    )
    return f"arn:aws:cloudwatch::{account_id}:dashboard/{board}" if board else "*"


def _fields(params: Mapping[str, list[str]], body: bytes) -> dict[str, Any]:
    """Return what the request says, whether as JSON or as a form."""
    try:
        fields = json.loads(body)
    except ValueError:
        return {name: values[0] for name, values in params.items()}
    return fields if isinstance(fields, dict) else {}
