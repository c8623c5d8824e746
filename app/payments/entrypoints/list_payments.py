"""GET /payments?date=YYYY-MM-DD."""

from payments.entrypoints.operation import Answer, Context, Operation, Parameter, Request
from payments.entrypoints.parameters import CURSOR, DEFAULT_LIMIT, LIMIT
from payments.entrypoints.schemas import DATE
from payments.entrypoints.views import page_view
from payments.service.list_payments import list_payments

OPERATION = Operation(
    id="listPayments",
    method="GET",
    path="/payments",
    summary="List the payments of one UTC day, newest first.",
    parameters=(
        Parameter(name="date", place="query", schema=DATE, description="The UTC day."),
        LIMIT,
        CURSOR,
    ),
    answer="PaymentPage",
    answer_description="A page of payments.",
)


def serve(request: Request, context: Context) -> Answer:
    """List a day's payments."""
    page = list_payments(
        context.ports,
        date=request.values["date"],
        limit=request.values.get("limit", DEFAULT_LIMIT),
        cursor=request.values.get("cursor"),
    )
    return Answer(body=page_view(page))
