"""Where the use cases' events go: a log line and an EMF count each, through Powertools."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

# Every count there is. The dashboard shows each of them, and alarms rely on some.
COUNTS = (
    "ChargeRequested",
    "OutcomeUnknown",
    "PaymentCaptured",
    "PaymentDeclined",
    "ProviderUnavailable",
    "RecordsDelayed",
    "RefundCompleted",
    "RefundDeclined",
    "RefundRequested",
    "Requests",
    "ServerErrors",
)


class PowertoolsTelemetry:
    """The `Telemetry` that production uses."""

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self._logger = logger
        self._metrics = metrics

    def happened(self, what: str, **facts: str | int) -> None:
        """Count and log."""
        assert what in COUNTS, f"{what} is not a published metric"
        self._metrics.add_metric(name=what, unit=MetricUnit.Count, value=1)
        self._logger.info(what, extra=facts)
