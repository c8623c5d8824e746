"""GET /customers/{id}/payments."""

from payments.domain.errors import RouteNotFoundError
from payments.entrypoints.operation import Answer, Context, Operation, Parameter, Request
from payments.entrypoints.parameters import CURSOR, DEFAULT_LIMIT, LIMIT
from payments.entrypoints.schemas import CUSTOMER_ID, DATE
from payments.entrypoints.views import page_view
from payments.service.list_customer_payments import list_customer_payments

OPERATION = Operation(
    id="listCustomerPayments",
    method="GET",
    path="/customers/{id}/payments",
    summary="List a customer's payments, newest first.",
    parameters=(
        Parameter(name="id", place="path", schema=CUSTOMER_ID, description="The customer's id."),
        Parameter(name="from", place="query", schema=DATE, description="The first UTC day.", required=False),
        Parameter(name="to", place="query", schema=DATE, description="The last UTC day.", required=False),
        LIMIT,
        CURSOR,
    ),
    answer="PaymentPage",
    answer_description="A page of payments.",
    # An id of characters that no path of ours can hold is not even routed here.
    errors=(RouteNotFoundError,),
)


def serve(request: Request, context: Context) -> Answer:
    """List a customer's payments."""
    page = list_customer_payments(
        context.ports,
        request.values["id"],
        first_day=request.values.get("from", "0001-01-01"),
        last_day=request.values.get("to", "9999-12-31"),
        limit=request.values.get("limit", DEFAULT_LIMIT),
        cursor=request.values.get("cursor"),
    )
    return Answer(body=page_view(page))
