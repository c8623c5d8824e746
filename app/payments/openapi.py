"""The OpenAPI document: `python -m payments.openapi` prints it, `--check FILE` compares a file with it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from payments.domain.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    PaymentError,
    StorageUnavailableError,
    UnknownClientError,
    UnsupportedMediaTypeError,
)
from payments.entrypoints.application import USE_CASES
from payments.entrypoints.operation import Operation, Parameter
from payments.entrypoints.problems import MEDIA_TYPE
from payments.entrypoints.schemas import SCHEMAS
from payments.error_map import INTERNAL, PROBLEMS, ProblemKind

# What API Gateway itself refuses, in the same shape as ours: response type -> (status, problem name, title).
GATEWAY_PROBLEMS = {
    "ACCESS_DENIED": (403, "forbidden", "The request carries no accepted API key"),
    "API_CONFIGURATION_ERROR": (500, "internal-error", "The service failed"),
    "BAD_REQUEST_BODY": (400, "invalid-request", "The request is not valid"),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request", "The request is not valid"),
    "DEFAULT_4XX": (None, "refused", "The request was refused"),
    "DEFAULT_5XX": (None, "internal-error", "The service failed"),
    "INTEGRATION_FAILURE": (504, "internal-error", "The service failed"),
    "INTEGRATION_TIMEOUT": (504, "timeout", "The service took too long"),
    "INVALID_API_KEY": (403, "forbidden", "The request carries no accepted API key"),
    "MISSING_AUTHENTICATION_TOKEN": (
        403,
        "forbidden",
        "There is nothing here, or it needs another credential",
    ),
    "QUOTA_EXCEEDED": (429, "too-many-requests", "Too many requests"),
    "REQUEST_TOO_LARGE": (413, "body-too-large", "The request body is too large"),
    "RESOURCE_NOT_FOUND": (404, "not-found", "There is nothing here"),
    "THROTTLED": (429, "too-many-requests", "Too many requests"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported-media-type", "The body must be JSON"),
}


# What API Gateway answers in an operation's place when the function is too slow, ends badly or is called too often.
IN_OUR_PLACE = (
    ProblemKind("too-many-requests", "Too many requests", 429),
    ProblemKind("internal-error", "The service failed", 502),
    ProblemKind("timeout", "The service took too long", 504),
)


# Not always there: API Gateway may answer with the same status by itself.
RETRY_AFTER = {"Retry-After": "Seconds after which to repeat the request."}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for use_case in USE_CASES:
        operation: Operation = use_case.OPERATION
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Payments",
            "version": "1",
            "description": "Charges customers and gives money back. Refusals are RFC 9457 problems.",
        },
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
        "x-gateway-problems": {name: _gateway_problem(*row) for name, row in GATEWAY_PROBLEMS.items()},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            str(operation.status): {
                "description": operation.answer_description,
                "content": {"application/json": {"schema": _reference(operation.answer)}},
            }
            | _headers(operation.headers)
        }
        | _problems(operation),
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(operation.body)}},
        }
    if operation.open:
        described["security"] = []
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _headers(meanings: Mapping[str, str], *, required: bool = True) -> dict[str, Any]:
    headers = {
        name: {"description": meaning, "required": required, "schema": {"type": "string"}}
        for name, meaning in meanings.items()
    }
    return {"headers": headers} if headers else {}


def _problems(operation: Operation) -> dict[str, Any]:
    kinds = [PROBLEMS[error] for error in operation.errors + _always(operation)] + [INTERNAL, *IN_OUR_PLACE]
    by_status: dict[str, list[ProblemKind]] = {}
    for kind in sorted(kinds, key=lambda kind: (kind.status, kind.name)):
        by_status.setdefault(str(kind.status), []).append(kind)
    return {
        status: {
            "description": "; ".join(f"{kind.title} (`{kind.type}`)" for kind in group),
            "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
        }
        | _headers(RETRY_AFTER if any(kind.retry_after for kind in group) else {}, required=False)
        for status, group in by_status.items()
    }


def _always(operation: Operation) -> tuple[type[PaymentError], ...]:
    errors: tuple[type[PaymentError], ...] = (InvalidRequestError,)
    if not operation.open:
        errors += (UnknownClientError, StorageUnavailableError)
    if operation.body:
        errors += (BodyTooLargeError, UnsupportedMediaTypeError)
    return errors


def _gateway_problem(status: int | None, name: str, title: str) -> dict[str, Any]:
    kind = ProblemKind(name, title, status or 0)
    return {"type": kind.type, "title": title} | ({"status": status} if status else {})


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Print the document, or compare a file with it."""
    match arguments:
        case []:
            sys.stdout.write(text())
            return 0
        case ["--check", path]:
            if Path(path).read_text(encoding="utf-8") == text():
                return 0
            sys.stderr.write(f"error: {path} is not current\nhint: python -m payments.openapi > {path}\n")
            return 1
        case _:
            sys.stderr.write("error: expected no argument, or --check FILE\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
