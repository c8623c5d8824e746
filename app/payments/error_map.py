"""What each error becomes over HTTP: the one table behind the problem documents and the OpenAPI document."""

from dataclasses import dataclass

from payments.domain import errors

PROBLEM_TYPE_PREFIX = "urn:tollgate:problem:"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """The stable part of an RFC 9457 problem document.

    Attributes:
        name: Last part of the problem's `type`.
        title: What kind of problem it is, in words.
        status: The HTTP status.
        retry_after: Seconds after which repeating the request makes sense.
            Default: none, repeating it would change nothing.
    """

    name: str
    title: str
    status: int
    retry_after: int | None = None

    @property
    def type(self) -> str:
        """The problem's `type` URI."""
        return f"{PROBLEM_TYPE_PREFIX}{self.name}"


INTERNAL = ProblemKind("internal-error", "The service failed", 500)

PROBLEMS: dict[type[errors.PaymentError], ProblemKind] = {
    errors.InvalidRequestError: ProblemKind("invalid-request", "The request is not valid", 400),
    errors.PaymentDeclinedError: ProblemKind("payment-declined", "The payment was declined", 402),
    errors.RefundDeclinedError: ProblemKind("refund-declined", "The refund was declined", 402),
    errors.UnknownClientError: ProblemKind("forbidden", "The request carries no accepted API key", 403),
    errors.RouteNotFoundError: ProblemKind("not-found", "There is nothing here", 404),
    errors.PaymentNotFoundError: ProblemKind("payment-not-found", "There is no such payment", 404),
    errors.ReceiptNotFoundError: ProblemKind("receipt-not-found", "The payment has no receipt", 404),
    errors.RequestInProgressError: ProblemKind("in-progress", "The same request is being worked on", 409, 1),
    errors.BusyError: ProblemKind("busy", "The payment is changing too fast", 409, 1),
    errors.OutcomeUnknownError: ProblemKind("outcome-unknown", "The outcome has to be looked up", 409),
    errors.NotRefundableError: ProblemKind("not-refundable", "The payment cannot be refunded", 409),
    errors.RefundExceedsCapturedError: ProblemKind("refund-exceeds-captured", "The refund is too large", 409),
    errors.BodyTooLargeError: ProblemKind("body-too-large", "The request body is too large", 413),
    errors.UnsupportedMediaTypeError: ProblemKind("unsupported-media-type", "The body must be JSON", 415),
    errors.IdempotencyMismatchError: ProblemKind(
        "idempotency-mismatch", "The key belongs to another request", 422
    ),
    errors.ProviderUnavailableError: ProblemKind(
        "provider-unavailable", "The provider did not answer", 503, 2
    ),
    errors.StorageUnavailableError: ProblemKind("storage-unavailable", "A store did not answer", 503, 1),
}
