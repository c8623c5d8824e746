"""The reusable construct: give it a configuration, get a payment API."""

from dataclasses import dataclass

from infra import permissions
from infra.alarms import APPLICATION_NAMESPACE
from infra.api_definition import ApiDefinition
from infra.constructs.api import PaymentRestApi, PaymentRestApiProps
from infra.constructs.compute import ApiFunction, ApiFunctionProps
from infra.constructs.database import CUSTOMER_INDEX, DATE_INDEX, TransactionsTable, TransactionsTableProps
from infra.constructs.monitoring import Monitoring, MonitoringProps
from infra.constructs.storage import PaymentStorage, PaymentStorageProps
from infra.environments import PROVIDERS_WITH_CREDENTIAL, EnvironmentConfig
from infra.naming import InstanceNames
from infra.policy_documents import statement
from infra.providers import Construct, SecretsmanagerSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentApiProps:
    """What a caller decides about a payment API.

    Attributes:
        config: What its environment decides.
        names: Names and tags of the instance.
        definition: Which routes there are and what they accept.
        release: The release that is deployed.
            Default: "unreleased".
    """

    config: EnvironmentConfig
    names: InstanceNames
    definition: ApiDefinition
    release: str = "unreleased"


class PaymentApi(Construct):
    """Storage, table, function, API and monitoring, wired together.

    Attributes:
        storage: The two buckets.
        table: The transactions table.
        function: What answers requests.
        api: The REST API.
        monitoring: Alarms, their topic and the dashboard.
    """

    def __init__(self, scope: Construct, id_: str, props: PaymentApiProps) -> None:
        super().__init__(scope, id_)
        self._build_storage(props)
        self._build_table(props)
        self._build_credential(props)
        self._build_function(props)
        self._build_api(props)
        self._build_monitoring(props)

    def _build_storage(self, props: PaymentApiProps) -> None:
        self.storage = PaymentStorage(
            self,
            "Storage",
            PaymentStorageProps(names=props.names, retention_days=props.config.retention_days),
        )

    def _build_table(self, props: PaymentApiProps) -> None:
        self.table = TransactionsTable(
            self,
            "Transactions",
            TransactionsTableProps(
                names=props.names,
                capacity=props.config.capacity,
                point_in_time_recovery=props.config.point_in_time_recovery,
            ),
        )

    def _build_credential(self, props: PaymentApiProps) -> None:
        """A place for the payment provider's credential; a person puts the value there, never this code."""
        secret = SecretsmanagerSecret(
            self,
            "ProviderCredential",
            name=props.names.of("payment-provider"),
            description="Credential of the payment provider",
            # Gone at once when destroyed, so that the instance can be made again under the same name.
            recovery_window_in_days=0,
            tags=props.names.tags,
        )
        self._secret_name: str = secret.name
        self._secret_arn: str = secret.arn

    def _build_function(self, props: PaymentApiProps) -> None:
        config = props.config
        self.function = ApiFunction(
            self,
            "Function",
            ApiFunctionProps(
                names=props.names,
                boundary_arn=props.names.function_boundary_arn,
                environment=self._environment(props),
                memory_mb=config.memory_mb,
                timeout_seconds=config.timeout_seconds,
                log_retention_days=config.log_retention_days,
                tracing=config.tracing,
                reserved_concurrency=config.reserved_concurrency,
                provisioned_concurrency=config.provisioned_concurrency,
            ),
        )
        self.table.grant_read_write(self.function)
        self.storage.receipts.grant_read_write(self.function, "UseReceipts")
        self.storage.transaction_log.grant_write(self.function, "WriteTransactionLog")
        if config.payment_provider in PROVIDERS_WITH_CREDENTIAL:  # else nobody reads it, and nobody may
            read_credential = statement("ReadCredential", permissions.SECRET_READ, self._secret_arn)
            self.function.allow("ReadCredential", read_credential)

    def _environment(self, props: PaymentApiProps) -> dict[str, str]:
        """What the application's settings read; nothing of it is secret."""
        config, names = props.config, props.names
        return {
            "CUSTOMER_INDEX": CUSTOMER_INDEX,
            "DATE_INDEX": DATE_INDEX,
            "ENVIRONMENT": names.environment,
            "ENVIRONMENT_SUFFIX": names.suffix,
            "MAX_AMOUNT_MINOR": str(config.max_amount_minor),
            "PAYMENT_PROVIDER": config.payment_provider,
            "PAYMENT_PROVIDER_SECRET": self._secret_name,
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "POWERTOOLS_METRICS_NAMESPACE": APPLICATION_NAMESPACE,
            "POWERTOOLS_SERVICE_NAME": "payments",
            "RECEIPTS_BUCKET": self.storage.receipts.bucket_name,
            "RECEIPT_RETENTION_DAYS": str(config.retention_days),
            "RELEASE": props.release,
            "TRANSACTIONS_TABLE": self.table.table_name,
            "TRANSACTION_LOG_BUCKET": self.storage.transaction_log.bucket_name,
        }

    def _build_api(self, props: PaymentApiProps) -> None:
        config = props.config
        self.api = PaymentRestApi(
            self,
            "RestApi",
            PaymentRestApiProps(
                names=props.names,
                definition=props.definition,
                function=self.function,
                release=props.release,
                rate_per_second=config.rate_per_second,
                burst=config.burst,
                quota_per_day=config.quota_per_day,
                log_retention_days=config.log_retention_days,
                tracing=config.tracing,
            ),
        )

    def _build_monitoring(self, props: PaymentApiProps) -> None:
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            MonitoringProps(
                names=props.names,
                region=props.config.region,
                api=self.api,
                function=self.function,
                table=self.table,
                thresholds=props.config.thresholds,
            ),
        )
