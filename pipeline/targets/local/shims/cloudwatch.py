"""CloudWatch answers with what it was given.

The emulator's answers in the query protocol, which the AWS provider speaks, leave out most of an alarm (its
dimensions, statistic, period, actions, …) and escape nothing; its alarms know neither metric math nor tags
given at creation. So every plan would change every alarm. Here the query protocol is read and written from
AWS's own model, around the emulator's JSON protocol, and an alarm is kept as it was given.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack.services import cloudwatch

from pipeline.targets.local.shims.query_protocol import QueryProtocol

Response = tuple[int, dict[str, str], bytes]

_OWN_FIELDS = (
    "AlarmArn",
    "StateValue",
    "StateReason",
    "StateUpdatedTimestamp",
    "AlarmConfigurationUpdatedTimestamp",
)
_DEFAULTS = {"ActionsEnabled": True, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": []}
_STORES = {"PutMetricAlarm": "_alarms", "PutCompositeAlarm": "_composite_alarms"}


def install() -> None:
    """Correct the emulator's CloudWatch."""
    handle = cloudwatch.handle_request
    protocol = QueryProtocol("cloudwatch")

    async def corrected(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Response:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation:
            response: Response = await handle(method, path, headers, body, query_params)
            _keep_as_given(operation, body, response)
            return response
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return await handle(method, path, headers, body, query_params)  # type: ignore[no-any-return]  # untyped
        form = {**parse_qs(body.decode(), keep_blank_values=True), **query_params}
        parameters = {name: values[0] for name, values in form.items()}
        operation = parameters.get("Action", "")
        if not protocol.knows(operation):
            return await handle(method, path, headers, body, query_params)  # type: ignore[no-any-return]  # untyped
        request = json.dumps(protocol.request(operation, parameters)).encode()
        spoken = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"GraniteServiceVersion20100801.{operation}",
        }
        response = await handle("POST", "/", {**headers, **spoken}, request, {})
        _keep_as_given(operation, request, response)
        return _as_xml(protocol, operation, response)

    cloudwatch.handle_request = corrected


def _as_xml(protocol: QueryProtocol, operation: str, response: Response) -> Response:
    status, _, body = response
    said = json.loads(body or b"{}")
    request_id = str(uuid.uuid4())
    if status < 400:
        return status, {"Content-Type": "text/xml"}, protocol.answer(operation, said, request_id)
    error = protocol.error(said.get("__type", "InternalFailure"), said.get("message", ""), request_id)
    return status, {"Content-Type": "text/xml"}, error


def _keep_as_given(operation: str, request: bytes, response: Response) -> None:
    """Store an alarm with exactly the settings of the request that made it, and its tags if it is new."""
    store = _STORES.get(operation)
    if store is None or response[0] >= 400:
        return
    given = json.loads(request)
    alarms: dict[str, dict[str, Any]] = getattr(cloudwatch, store)
    alarm = alarms[given["AlarmName"]]
    is_new = alarm.get("AlarmArn") not in cloudwatch._resource_tags  # noqa: SLF001 (its store has no other door)
    tags = given.pop("Tags", [])
    alarms[given["AlarmName"]] = {**_DEFAULTS, **given, **_only(alarm, _OWN_FIELDS)}
    if is_new:
        cloudwatch._resource_tags[alarm["AlarmArn"]] = {tag["Key"]: tag["Value"] for tag in tags}  # noqa: SLF001 (as above)


def _only(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
