"""The HTTP application: every operation behind one resolver, every error behind one map."""

import json
import traceback
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.metrics import MetricUnit

from payments.adapters.telemetry import PowertoolsTelemetry
from payments.domain.errors import PaymentError, RouteNotFoundError
from payments.domain.ports import Ports, Telemetry
from payments.entrypoints import (
    create_payment,
    create_refund,
    get_health,
    get_payment,
    get_receipt,
    list_customer_payments,
    list_payments,
)
from payments.entrypoints.checks import read_body, read_parameters
from payments.entrypoints.client import client_of
from payments.entrypoints.operation import Context, Operation, Request
from payments.entrypoints.problems import internal_problem, problem
from payments.settings import Settings

USE_CASES: tuple[ModuleType, ...] = (
    create_payment,
    get_payment,
    list_customer_payments,
    list_payments,
    create_refund,
    get_receipt,
    get_health,
)

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def build_handler(settings: Settings, connect: Callable[[Settings, Telemetry], Ports]) -> Handler:
    """Make the Lambda handler; `connect` builds the ports when the first request needs them."""
    logger = Logger(release=settings.release, environment_suffix=settings.environment_suffix)
    metrics = Metrics()
    # Two instances in one account must not add up in one alarm.
    metrics.set_default_dimensions(EnvironmentSuffix=settings.environment_suffix)
    app = APIGatewayRestResolver()
    context = Context(
        settings=settings, connect=cache(lambda: connect(settings, PowertoolsTelemetry(logger, metrics)))
    )

    for use_case in USE_CASES:
        _route(app, use_case, context, logger)

    def refused(error: PaymentError) -> Response[str]:
        if error.payment_id:
            logger.append_keys(payment_id=error.payment_id)
        logger.info("refused", error=type(error).__name__, cause=_cause(error))
        return problem(error, _request_id(app.current_event.raw_event))

    def failed(error: Exception) -> Response[str]:
        # Where it happened, never what it says: a message may quote what a client sent.
        where = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        logger.error("failed", error=type(error).__name__, where=where[-8:])
        return internal_problem(_request_id(app.current_event.raw_event))

    def unknown(_: Exception) -> Response[str]:
        return refused(RouteNotFoundError("no operation has this method and path"))

    app.exception_handler(PaymentError)(refused)
    app.exception_handler(Exception)(failed)
    app.not_found(unknown)

    def handler(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        logger.remove_keys(["operation", "payment_id"])
        with logger.append_context_keys(request_id=_request_id(event)):
            response: dict[str, Any] = app.resolve(event, lambda_context)
            status = response["statusCode"]
            metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
            metrics.add_metric(name="ServerErrors", unit=MetricUnit.Count, value=int(status >= 500))
            # The log stream names the execution environment: which worker it was.
            logger.info("answered", status=status, worker=lambda_context.log_stream_name)
        return response

    measured: Handler = metrics.log_metrics(handler, capture_cold_start_metric=True)
    return measured


def _route(app: APIGatewayRestResolver, use_case: ModuleType, context: Context, logger: Logger) -> None:
    operation: Operation = use_case.OPERATION

    def serve(**in_path: str) -> Response[str]:
        logger.append_keys(operation=operation.id)
        event = app.current_event.raw_event
        request = Request(
            client="" if operation.open else client_of(event),
            values=read_parameters(operation, event, in_path),
            body=read_body(operation, event),
        )
        answer = use_case.serve(request, context)
        if answer.payment_id:
            logger.append_keys(payment_id=answer.payment_id)
        return Response(
            operation.status,
            "application/json",
            json.dumps(answer.body, ensure_ascii=False),  # as escapes, a character can be three times as long
            headers={"Cache-Control": "no-store"} | dict(answer.headers),
        )

    app.route(operation.path.replace("{", "<").replace("}", ">"), operation.method)(serve)


def _request_id(event: Any) -> str:
    return str(event.get("requestContext", {}).get("requestId", ""))


def _cause(error: BaseException) -> str | None:
    """The name of what lies behind an error: an AWS error code, or an exception's class."""
    cause = error.__cause__
    if cause is None:
        return None
    response = getattr(cause, "response", None)
    return str(response["Error"]["Code"]) if response else type(cause).__name__
