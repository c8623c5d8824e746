"""API Gateway leaves out what was never set.

AWS's GetUsagePlan has no `throttle` and no `quota`, and GetStage no `accessLogSettings`, where none was
given; the emulator answers with empty objects, which Terraform takes for settings of zero and would remove in
every plan.
"""

from typing import Any

from ministack.services import apigateway_v1

_ABSENT_WHEN_EMPTY = ("throttle", "quota", "accessLogSettings")


def install() -> None:
    """Correct every answer of the control plane."""
    respond = apigateway_v1._v1_response  # noqa: SLF001 (the one place every answer passes)

    def without_the_unset(data: Any, status: int = 200) -> Any:
        return respond(_without_the_unset(data), status)

    apigateway_v1._v1_response = without_the_unset  # noqa: SLF001 (as above)


def _without_the_unset(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    kept = {name: value for name, value in data.items() if value != {} or name not in _ABSENT_WHEN_EMPTY}
    if isinstance(kept.get("item"), list):
        kept["item"] = [_without_the_unset(each) for each in kept["item"]]
    return kept
