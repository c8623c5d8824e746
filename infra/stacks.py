"""The stacks: variables in, constructs, outputs out. They only compose."""

from dataclasses import dataclass

from infra.api_definition import ApiDefinition
from infra.constructs.account import GatewayLogging, GatewayLoggingProps
from infra.constructs.pipeline_roles import APPLY, PLAN, PREVIEW, SIGN, PipelineRoles, PipelineRolesProps
from infra.constructs.signing import SigningKey, SigningKeyProps
from infra.environments import EnvironmentConfig
from infra.github_trust import Repository
from infra.naming import (
    ACCOUNT_PATTERN,
    RELEASE_PATTERN,
    SUFFIX_MAX,
    SUFFIX_PATTERN,
    SUFFIX_RESERVED,
    InstanceNames,
)
from infra.payment_api import PaymentApi, PaymentApiProps
from infra.providers import (
    AwsProvider,
    Construct,
    S3Backend,
    TerraformLocal,
    TerraformOutput,
    TerraformStack,
    TerraformVariable,
    TerraformVariableValidationConfig,
)

REPOSITORY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$"
REPOSITORY_NUMBER_PATTERN = r"^[0-9]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStackProps:
    """What a caller decides about any stack.

    Attributes:
        region: Where it is deployed.
    """

    region: str


class AccountStack(TerraformStack):
    """What every stack has: a backend whose settings come from outside, and a provider for one account.

    Attributes:
        account_id: The Terraform variable that names the account.
    """

    def __init__(self, scope: Construct, id_: str, props: AccountStackProps) -> None:
        super().__init__(scope, id_)
        self._build_empty_backend()
        self.account_id = self._variable(
            "account_id", "The account that this may touch, and no other", ACCOUNT_PATTERN, "12 digits"
        )
        AwsProvider(self, "Aws", region=props.region, allowed_account_ids=[self.account_id])
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
        reserved: str | None = None,
        default: str | None = None,
    ) -> str:
        """A string variable that Terraform checks, as the expression that reads it."""
        condition = f'can(regex("{pattern}", var.{name})) && length(var.{name}) <= {longest}'
        if reserved:
            condition += f' && !can(regex("{reserved}", var.{name}))'
        variable = TerraformVariable(
            self,
            name,
            type="string",
            description=description,
            default=default,
            nullable=False,
            validation=[
                TerraformVariableValidationConfig(
                    condition=f"${{{condition}}}",
                    error_message=f"{name} must be {expected}.",
                )
            ],
        )
        value: str = variable.string_value
        return value

    def _outputs(self, **values: str) -> None:
        for name, value in values.items():
            TerraformOutput(self, name, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsStackProps:
    """What a caller decides about the stack of an environment.

    Attributes:
        config: What the environment decides.
        definition: Which routes there are and what they accept.
    """

    config: EnvironmentConfig
    definition: ApiDefinition


class PaymentsStack(AccountStack):
    """A payment API in one environment; the same stack serves every instance of it."""

    def __init__(self, scope: Construct, id_: str, props: PaymentsStackProps) -> None:
        config = props.config
        super().__init__(scope, id_, AccountStackProps(region=config.region))
        names = self._names(config)
        release = self._variable(
            "release",
            "The release that is deployed",
            RELEASE_PATTERN,
            "sha256: and 64 hexadecimal digits",
            default="unreleased",
        )
        payments = PaymentApi(
            self,
            "PaymentApi",
            PaymentApiProps(config=config, names=names, definition=props.definition, release=release),
        )
        self._build_outputs(payments)

    def _names(self, config: EnvironmentConfig) -> InstanceNames:
        suffix = self._variable(
            "environment_suffix",
            "Tells instances of one environment apart",
            SUFFIX_PATTERN,
            f"at most {SUFFIX_MAX} lower-case letters, digits and single hyphens, and not end with s3alias",
            longest=SUFFIX_MAX,
            reserved=SUFFIX_RESERVED,
            default=config.name,
        )
        return InstanceNames(
            environment=config.name, suffix=suffix, account_id=self.account_id, owner=config.owner
        )

    def _build_outputs(self, payments: PaymentApi) -> None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapStackProps:
    """What a caller decides about the stack of an account.

    Attributes:
        config: What the account's environment decides.
    """

    config: EnvironmentConfig


class BootstrapStack(AccountStack):
    """What an account has once: API Gateway's logging, the pipeline's identity and roles, the keys that sign."""

    def __init__(self, scope: Construct, id_: str, props: BootstrapStackProps) -> None:
        config = props.config
        super().__init__(scope, id_, AccountStackProps(region=config.region))
        names = InstanceNames(
            environment=config.name, suffix=config.name, account_id=self.account_id, owner=config.owner
        )
        GatewayLogging(self, "GatewayLogging", GatewayLoggingProps(names=names))
        keys = self._build_keys(names, config)
        ledger = keys[0]
        roles = self._build_roles(names, config, keys)
        self._outputs(
            apply_role_arn=roles.apply_role_arn,
            concurrency_target=str(config.concurrency_target),
            plan_role_arn=roles.plan_role_arn,
            signing_key_alias=ledger.alias_name,
            signing_key_arn=ledger.key_arn,
        )

    def _build_roles(
        self, names: InstanceNames, config: EnvironmentConfig, keys: list[SigningKey]
    ) -> PipelineRoles:
        props = PipelineRolesProps(
            names=names,
            region=config.region,
            repository=self._repository(),
            signing_keys=keys,
            comes_first=config.promoted_from is None,
        )
        return PipelineRoles(self, "PipelineRoles", props)

    def _build_keys(self, names: InstanceNames, config: EnvironmentConfig) -> list[SigningKey]:
        """One key for each power; the ledger's, which every account has, is the first."""
        makers = (PREVIEW, SIGN) if config.promoted_from is None else ()
        keys = [("SigningKey", "tollgate-signing", "ledger entries", (APPLY, PLAN, *makers))]
        if makers:
            keys += [
                ("BuilderKey", "tollgate-builder", "what was built", makers),
                ("CheckerKey", "tollgate-checker", "what was checked", makers),
            ]
        if config.holds_real_payments:
            # A person's word counts in every environment, so no account with lighter gates may sign it.
            keys.append(("WitnessKey", "tollgate-witness", "what a forge saw a person say", (APPLY,)))
        return [
            SigningKey(self, id_, SigningKeyProps(names=names, kind=kind, signs=signs, signers=signers))
            for id_, kind, signs, signers in keys
        ]

    def _repository(self) -> Repository:
        name = self._variable(
            "github_repository",
            "The repository whose workflows may deploy here",
            REPOSITORY_PATTERN,
            "a GitHub repository, owner/name",
        )
        number = self._variable(
            "github_repository_id",
            "What GitHub numbers that repository by",
            REPOSITORY_NUMBER_PATTERN,
            "the number that GitHub gives a repository",
        )
        # A local: an expression with quotes cannot stand inside a policy. The owner's number is left open,
        # because the repository's is asked for by itself.
        numbered = TerraformLocal(
            self, "github_numbered_name", f'${{replace(var.github_repository, "/", "@*/")}}@{number}'
        )
        return Repository(name=name, number=number, numbered_name=numbered.as_string)
