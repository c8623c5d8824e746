"""Problem documents (RFC 9457): what any error looks like from outside."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from payments.domain.errors import PaymentError
from payments.error_map import INTERNAL, PROBLEMS, ProblemKind

MEDIA_TYPE = "application/problem+json"


def problem(error: PaymentError, request_id: str) -> Response[str]:
    """The answer to a request that failed with one of our own errors."""
    kind = next(PROBLEMS[cls] for cls in type(error).__mro__ if cls in PROBLEMS)
    return _response(kind, error.detail, request_id, {"field": error.field, "payment_id": error.payment_id})


def internal_problem(request_id: str) -> Response[str]:
    """The answer to a request that met a fault of ours; the log knows which."""
    return _response(INTERNAL, "the service failed; repeat the request with the same key", request_id, {})


def _response(kind: ProblemKind, detail: str, request_id: str, more: dict[str, str | None]) -> Response[str]:
    document: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "request_id": request_id,
    } | {name: value for name, value in more.items() if value is not None}
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if kind.retry_after is not None:
        headers["Retry-After"] = str(kind.retry_after)
    return Response(kind.status, MEDIA_TYPE, json.dumps(document), headers=headers)
