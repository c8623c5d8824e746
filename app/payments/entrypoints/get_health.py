"""GET /health."""

from payments.entrypoints.operation import Answer, Context, Operation, Request

OPERATION = Operation(
    id="getHealth",
    method="GET",
    path="/health",
    summary="Say that the service runs, and which release. Depends on nothing else.",
    answer="Health",
    answer_description="It runs.",
    open=True,
)


def serve(request: Request, context: Context) -> Answer:  # noqa: ARG001 - every operation is served alike
    """Say which release runs."""
    return Answer(body={"status": "ok", "release": context.settings.release})
