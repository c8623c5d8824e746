"""API Gateway says what a body lacks.

AWS fills `$context.error.validationErrorString` in a gateway response's template with the words of its JSON Schema
validator; the emulator leaves the variable as it stands. Of AWS's words only those for a missing property and for a
wrong type at the top are known, so only these are said here.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import json
from typing import Any

from ministack.services import apigateway_v1

_VARIABLE = b"$context.error.validationErrorString"
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def install() -> None:
    """Let a refused body say why, and its gateway response repeat it."""
    check = apigateway_v1._check_request_validation  # noqa: SLF001 (it has no other door)
    render = apigateway_v1._gateway_error_response  # noqa: SLF001 (as above)

    def checked(method: Any, api_id: str, request: Any, headers: Any, body: Any, query: Any) -> Any:
        error = check(method, api_id, request, headers, body, query)
        if getattr(error, "response_type", None) == "BAD_REQUEST_BODY":
            error.validation = _words(apigateway_v1, method, api_id, body)
        return error

    def rendered(error: Any, request: Any) -> tuple[int, dict[str, str], bytes]:
        status, headers, content = render(error, request)
        said = json.dumps(getattr(error, "validation", ""))[1:-1]
        return status, headers, content.replace(_VARIABLE, said.encode())

    apigateway_v1._check_request_validation = checked  # noqa: SLF001 (as above)
    apigateway_v1._gateway_error_response = rendered  # noqa: SLF001 (as above)


def _words(emulator: Any, method: Any, api_id: str, body: Any) -> str:
    """Return what AWS's validator says of a body that it refuses."""
    try:
        document = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return "Invalid request body"
    models = method.get("requestModels") or {}
    schema = emulator._model_schema(api_id, models.get("application/json")) or {}  # noqa: SLF001 (as above)
    if not isinstance(document, dict):
        kind = _KINDS.get(type(document), "null")
        return f'[instance type ({kind}) does not match any allowed primitive type (allowed: ["object"])]'
    missing = sorted(set(schema.get("required", ())) - set(document))
    if missing:
        return f"[object has missing required properties ({json.dumps(missing, separators=(',', ':'))})]"
    return "Invalid request body"
