"""The composition root: the only module that knows which adapter stands behind which port."""

import time
from datetime import UTC, datetime

from payments.domain.ports import Ports, Provider, Telemetry
from payments.settings import Settings


def build_ports(settings: Settings, telemetry: Telemetry) -> Ports:
    """Connect the use cases to AWS and the payment provider.

    The AWS SDK is imported here, at the first request that needs it, and not with the handler: it takes
    longer to import than everything else together, and answering `/health` does not need it.
    """
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    from payments.adapters.dynamodb import DynamoDbPayments  # noqa: PLC0415 - needs boto3
    from payments.adapters.s3 import S3Receipts, S3TransactionLog  # noqa: PLC0415 - needs boto3

    # Short enough that a store which does not answer becomes a 503 before API Gateway gives up at 29 s.
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
        provider=_provider(settings),
        telemetry=telemetry,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
    )


def _provider(settings: Settings) -> Provider:
    if settings.payment_provider == "stripe":
        from aws_lambda_powertools.utilities.parameters import get_secret  # noqa: PLC0415 - needs boto3

        from payments.adapters.stripe import StripeProvider  # noqa: PLC0415 - one of the two is needed

        # Kept for five minutes: a rotated key is picked up without a deployment.
        return StripeProvider(lambda: str(get_secret(settings.payment_provider_secret, max_age=300)))
    from payments.adapters.sandbox import SandboxProvider  # noqa: PLC0415 - one of the two is needed

    return SandboxProvider(sleep=time.sleep)
