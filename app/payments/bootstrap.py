"""The composition root: the only module that knows which adapter stands behind which port."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from payments.domain.ports import Ports, Provider, Telemetry
from payments.settings import Settings

if TYPE_CHECKING:
    from botocore.config import Config


def build_ports(settings: Settings, telemetry: Telemetry) -> Ports:
    """Connect the use cases to AWS and the payment provider.

    The AWS SDK is imported here, at the first request that needs it, and not with the handler: it takes
    longer to import than everything else together, and answering `/health` does not need it.
    """
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    from payments.adapters.dynamodb import DynamoDbPayments  # noqa: PLC0415 - needs boto3
    from payments.adapters.s3 import S3Receipts, S3TransactionLog  # noqa: PLC0415 - needs boto3

    # At most about 12 s for one call: a store that does not answer becomes a 503 before API Gateway gives up at 29 s.
    # Several that are slow at once can still add up to more: then the answer is a 504, and the key makes it safe.
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    s3 = boto3.client("s3", config=config)
    return Ports(
        payments=DynamoDbPayments(
            boto3.client("dynamodb", config=config),
            table=settings.transactions_table,
            customer_index=settings.customer_index,
            date_index=settings.date_index,
        ),
        log=S3TransactionLog(s3, bucket=settings.transaction_log_bucket),
        receipts=S3Receipts(s3, bucket=settings.receipts_bucket),
        provider=_provider(settings, config),
        telemetry=telemetry,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
    )


def _provider(settings: Settings, config: "Config") -> Provider:
    if settings.payment_provider == "stripe":
        import boto3  # noqa: PLC0415 - see above

        from payments.adapters.credential import credential  # noqa: PLC0415 - needs boto3
        from payments.adapters.stripe import StripeProvider  # noqa: PLC0415 - one of the two is needed

        client = boto3.client("secretsmanager", config=config)
        return StripeProvider(credential(client, settings.payment_provider_secret))
    from payments.adapters.sandbox import SandboxProvider  # noqa: PLC0415 - one of the two is needed

    return SandboxProvider(sleep=time.sleep)
