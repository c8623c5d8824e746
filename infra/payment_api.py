"""The reusable construct: give it a configuration, get a payment API."""

from dataclasses import dataclass

from infra import permissions
from infra.api_definition import ApiDefinition
from infra.constructs.api import PaymentRestApi, PaymentRestApiProps
from infra.constructs.compute import ApiFunction, ApiFunctionProps
from infra.constructs.database import CUSTOMER_INDEX, DATE_INDEX, TransactionsTable, TransactionsTableProps
from infra.constructs.monitoring import Monitoring, MonitoringProps
from infra.constructs.storage import PaymentStorage, PaymentStorageProps
from infra.environments import EnvironmentConfig
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
        monitoring: Alarms and their topic.
    """

    def __init__(self, scope: Construct, id_: str, props: PaymentApiProps) -> None:
        super().__init__(scope, id_)
        config, names = props.config, props.names
        self.storage = PaymentStorage(
            self, "Storage", PaymentStorageProps(names=names, retention_days=config.retention_days)
        )
        self.table = TransactionsTable(
            self,
            "Transactions",
            TransactionsTableProps(
                names=names, capacity=config.capacity, point_in_time_recovery=config.point_in_time_recovery
            ),
        )
        self._build_credential(names)
        self._build_function(props)
        self._build_api(props)
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            MonitoringProps(
                names=names,
                api_name=self.api.api_name,
                stage_name=self.api.stage_name,
                server_error_percent=config.server_error_percent,
            ),
        )

    def _build_credential(self, names: InstanceNames) -> None:
        """A place for the payment provider's credential; a person puts the value there, never this code."""
        secret = SecretsmanagerSecret(
            self,
            "ProviderCredential",
            name=names.of("payment-provider"),
            description="Credential of the payment provider",
            # Gone at once when destroyed, so that the instance can be made again under the same name.
            recovery_window_in_days=0,
            tags=names.tags,
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
                environment=self._environment(props),
                memory_mb=config.memory_mb,
                timeout_seconds=config.timeout_seconds,
                log_retention_days=config.log_retention_days,
                tracing=config.tracing,
            ),
        )
        table, storage = self.table, self.storage
        self.function.allow(
            "UseTransactions",
            statement("UseTable", (*permissions.TABLE_READ, *permissions.TABLE_WRITE), table.table_arn),
            statement("QueryIndexes", permissions.INDEX_READ, table.index_arns),
        )
        self.function.allow(
            "UseObjects",
            statement(
                "UseObjects",
                (*permissions.OBJECT_READ, *permissions.OBJECT_WRITE),
                [f"{storage.receipts.bucket_arn}/*", f"{storage.transaction_log.bucket_arn}/*"],
            ),
        )
        self.function.allow(
            "ReadCredential", statement("ReadCredential", permissions.SECRET_READ, self._secret_arn)
        )

    def _environment(self, props: PaymentApiProps) -> dict[str, str]:
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
            "POWERTOOLS_METRICS_NAMESPACE": "Tollgate/Payments",
            "POWERTOOLS_SERVICE_NAME": "payments",
            "POWERTOOLS_TRACE_DISABLED": "false" if config.tracing else "true",
            "RECEIPTS_BUCKET": self.storage.receipts.bucket_name,
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
