"""Everything that can go wrong, by name. `payments.error_map` says what each becomes over HTTP."""


class PaymentError(Exception):
    """The root: anything this service refuses or fails to do.

    Attributes:
        detail: One sentence for the client; never a value the client sent, never an internal.
        field: The part of the request that is wrong, when one is.
        payment_id: The payment concerned, when there is one.
    """

    def __init__(self, detail: str, *, field: str | None = None, payment_id: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.payment_id = payment_id


class InvalidRequestError(PaymentError):
    """Raised when a request breaks the published schema or a limit of this environment."""


class BodyTooLargeError(PaymentError):
    """Raised when a request body is longer than any valid one can be."""


class UnsupportedMediaTypeError(PaymentError):
    """Raised when a request body is not declared as JSON."""


class UnknownClientError(PaymentError):
    """Raised when API Gateway has not said whose API key the request carries."""


class RouteNotFoundError(PaymentError):
    """Raised when no operation has this method and path."""


class PaymentNotFoundError(PaymentError):
    """Raised when no payment has this id."""


class ReceiptNotFoundError(PaymentError):
    """Raised when a payment has no receipt: it was never captured, or so long ago that the receipt is gone."""


class IdempotencyMismatchError(PaymentError):
    """Raised when an idempotency key comes back with another request body."""


class RequestInProgressError(PaymentError):
    """Raised when the same request is being worked on right now by somebody else."""


class PaymentDeclinedError(PaymentError):
    """Raised when the provider has declined the charge; the decision is final for this payment."""


class RefundDeclinedError(PaymentError):
    """Raised when the provider has declined the refund; its amount is free again."""


class NotRefundableError(PaymentError):
    """Raised when a refund is asked of a payment that was not captured, or has too many refunds."""


class RefundExceedsCapturedError(PaymentError):
    """Raised when a refund would return more than what is left of the captured amount."""


class OutcomeUnknownError(PaymentError):
    """Raised when the provider no longer remembers our key, so asking again could charge twice."""


class BusyError(PaymentError):
    """Raised when a payment changes so fast that our own change found no gap."""


class ProviderUnavailableError(PaymentError):
    """Raised when the provider gave no definite answer: the charge may or may not exist."""


class StorageUnavailableError(PaymentError):
    """Raised when a table or bucket could not be read or written."""


class StaleVersionError(PaymentError):
    """Raised by a store when the payment was changed since it was read; `payments.service.change` retries."""
