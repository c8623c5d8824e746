"""API Gateway leaves out what was never set, and keeps numbers as numbers when they are changed.

AWS's GetUsagePlan has no `throttle` and no `quota`, and GetStage no `accessLogSettings`, where none was
given; the emulator answers with empty objects, which Terraform takes for settings of zero and would remove in
every plan.

AWS's UpdateUsagePlan takes every value as text, a limit as `"50"` and a stage as `"<api id>:<stage>"`; the
emulator keeps the text, which neither Terraform nor the emulator's own throttle can read.
https://docs.aws.amazon.com/apigateway/latest/api/API_PatchOperation.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import apigateway_v1

_ABSENT_WHEN_EMPTY = ("throttle", "quota", "accessLogSettings")
_STAGES = "/apiStages"
_NUMBERS: Mapping[str, Callable[[str], int | float]] = {
    "/throttle/burstLimit": int,
    "/throttle/rateLimit": float,
    "/quota/limit": int,
    "/quota/offset": int,
}


def install() -> None:
    """Correct every answer of the control plane, and the change of a usage plan."""
    respond = apigateway_v1._v1_response  # noqa: SLF001 (the one place every answer passes)
    update = apigateway_v1._update_usage_plan  # noqa: SLF001 (it has no other door)

    def without_the_unset(data: Any, status: int = 200) -> Any:
        return respond(_without_the_unset(data), status)

    def read_as_aws_does(plan_id: str, data: dict[str, Any]) -> Any:
        stages = (apigateway_v1._usage_plans.get(plan_id) or {}).get("apiStages", [])  # noqa: SLF001 (as above)
        try:
            operations = [_read(operation) for operation in data.get("patchOperations", [])]
            after = _stages_after(stages, operations)
        except ValueError as wrong:
            return apigateway_v1._v1_error("BadRequestException", str(wrong), 400)  # noqa: SLF001 (as above)
        stages[:] = after
        return update(plan_id, {"patchOperations": [each for each in operations if each["path"] != _STAGES]})

    apigateway_v1._v1_response = without_the_unset  # noqa: SLF001 (as above)
    apigateway_v1._update_usage_plan = read_as_aws_does  # noqa: SLF001 (as above)


def _without_the_unset(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    kept = {name: value for name, value in data.items() if value != {} or name not in _ABSENT_WHEN_EMPTY}
    if isinstance(kept.get("item"), list):
        kept["item"] = [_without_the_unset(each) for each in kept["item"]]
    return kept


def _read(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation with a number where its path names one."""
    path, value = operation.get("path", ""), operation.get("value")
    number = _NUMBERS.get(path)
    if number is None or operation.get("op") == "remove":
        return {**operation, "path": path}
    try:
        return {**operation, "value": number(str(value))}
    except ValueError as wrong:
        message = f"Invalid patch value {value!r} for path {path}, expected a number"
        raise ValueError(message) from wrong


def _stages_after(stages: list[dict[str, Any]], operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the plan's stages once those that are added came and those that are removed went."""
    after = list(stages)
    for operation in operations:
        if operation["path"] != _STAGES:
            continue
        api, separator, stage = str(operation.get("value")).partition(":")
        if not separator:
            message = f"Invalid patch value {operation.get('value')!r}, expected <api id>:<stage>"
            raise ValueError(message)
        after = [each for each in after if (each.get("apiId"), each.get("stage")) != (api, stage)]
        if operation.get("op") == "add":
            after.append({"apiId": api, "stage": stage})
    return after
