"""The stack of one environment: variables in, a payment API, outputs out."""

from infra.api_definition import ApiDefinition
from infra.environments import EnvironmentConfig
from infra.naming import ACCOUNT_PATTERN, RELEASE_PATTERN, SUFFIX_MAX, SUFFIX_PATTERN, InstanceNames
from infra.payment_api import PaymentApi, PaymentApiProps
from infra.providers import (
    AwsProvider,
    Construct,
    S3Backend,
    TerraformOutput,
    TerraformStack,
    TerraformVariable,
    TerraformVariableValidationConfig,
)


class EnvironmentStack(TerraformStack):
    """What every stack of ours has: a backend whose settings come from outside, and a provider for one account.

    Attributes:
        account_id: The Terraform variable that names the account.
    """

    def __init__(self, scope: Construct, id_: str, region: str) -> None:
        super().__init__(scope, id_)
        self._build_empty_backend()
        self.account_id = self._variable(
            "account_id", "The account that this may touch, and no other", ACCOUNT_PATTERN, "12 digits"
        )
        AwsProvider(self, "Aws", region=region, allowed_account_ids=[self.account_id])
        # Fully qualified, or OpenTofu would look for it in a registry of its own.
        self.add_override("terraform.required_providers.aws.source", "registry.terraform.io/hashicorp/aws")

    def _build_empty_backend(self) -> None:
        # The settings belong to the instance and are given to `terraform init`. Without a backend, cdktf
        # writes a local one whose path is this machine's.
        S3Backend(self, bucket="given at init", key="given at init")
        for setting in ("bucket", "key"):
            self.add_override(f"terraform.backend.s3.{setting}", None)

    def _variable(
        self,
        name: str,
        description: str,
        pattern: str,
        expected: str,
        *,
        longest: int = 100,
        default: str | None = None,
    ) -> str:
        """A string variable that Terraform checks, as the expression that reads it."""
        variable = TerraformVariable(
            self,
            name,
            type="string",
            description=description,
            default=default,
            nullable=False,
            validation=[
                TerraformVariableValidationConfig(
                    condition=f'${{can(regex("{pattern}", var.{name})) && length(var.{name}) <= {longest}}}',
                    error_message=f"{name} must be {expected}.",
                )
            ],
        )
        value: str = variable.string_value
        return value

    def _outputs(self, **values: str) -> None:
        for name, value in values.items():
            TerraformOutput(self, name, value=value)


class PaymentsStack(EnvironmentStack):
    """A payment API in one environment."""

    def __init__(self, scope: Construct, config: EnvironmentConfig, definition: ApiDefinition) -> None:
        super().__init__(scope, f"payments-{config.name}", config.region)
        suffix = self._variable(
            "environment_suffix",
            "Tells instances of one environment apart",
            SUFFIX_PATTERN,
            f"at most {SUFFIX_MAX} lower-case letters, digits and single hyphens",
            longest=SUFFIX_MAX,
            default=config.name,
        )
        release = self._variable(
            "release",
            "The release that is deployed",
            RELEASE_PATTERN,
            "sha256: and 64 hexadecimal digits",
            default="unreleased",
        )
        names = InstanceNames(
            environment=config.name, suffix=suffix, account_id=self.account_id, owner=config.owner
        )
        payments = PaymentApi(
            self,
            "PaymentApi",
            PaymentApiProps(config=config, names=names, definition=definition, release=release),
        )
        self._outputs(
            api_key_id=payments.api.api_key_id,
            api_url=payments.api.stage_url,
            function_name=payments.function.function_name,
            receipts_bucket_name=payments.storage.receipts.bucket_name,
            rest_api_id=payments.api.api_id,
            stage_name=payments.api.stage_name,
            transaction_log_bucket_name=payments.storage.transaction_log.bucket_name,
            transactions_table_name=payments.table.table_name,
        )
