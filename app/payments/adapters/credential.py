"""The payment provider's credential, by name, from Secrets Manager."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from payments.domain.errors import ProviderUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A rotated key is picked up without a deployment.
KEPT_SECONDS = 300


def credential(client: "SecretsManagerClient", name: str) -> Callable[[], str]:
    """A function that gives the credential, without the line break that an editor may have put behind it.

    Raises:
        ProviderUnavailableError: It cannot be read, so the provider was not asked; asking again is safe.
    """
    secrets = SecretsProvider(boto3_client=client)

    def read() -> str:
        try:
            return str(secrets.get(name, max_age=KEPT_SECONDS)).strip()
        except GetParameterError as error:
            # Its context is AWS's own error, whose code the log names.
            raise ProviderUnavailableError("the payment provider could not be asked") from error.__context__

    return read
