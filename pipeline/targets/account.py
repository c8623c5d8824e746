"""What the rest of the pipeline may know of an account: who it is, and how to talk to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.host.late import boto3
from pipeline.model.clock import insist_not_ahead
from pipeline.model.errors import TollgateError

# Bounded patience: a hung endpoint becomes a sentence, not a hung promotion.
_PATIENT: Mapping[str, Any] = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "retries": {"max_attempts": 4, "mode": "standard"},
    "s3": {"addressing_style": "path"},
}
_UNSIGNED: Mapping[str, Any] = {
    "signature_version": UNSIGNED,
    "connect_timeout": 3,
    "read_timeout": 5,
    "retries": {"total_max_attempts": 1},
}


class BaseUrl(Protocol):
    """How the calls to a deployed REST API begin, for a target."""

    def __call__(self, rest_api_id: str, stage: str) -> str:
        """Return the URL without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Account:
    """An environment's account on a target.

    Attributes:
        target: `local` or `aws`.
        account_id: 12 digits: the account that this must be.
        region: AWS region.
        environment: Variables with which Terraform and boto3 reach it, and nothing else of ours.
        base_url: How calls to its REST APIs begin.
    """

    target: str
    account_id: str
    region: str
    environment: Mapping[str, str]
    base_url: BaseUrl
    _clients: dict[tuple[str, bool], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def client(self, service: str, *, signed: bool = True) -> Any:
        """Return the boto3 client of this account, whatever the caller's own environment says.

        Args:
            service: As boto3 names it.
            signed: Whether it shows credentials.
        """
        # Each takes a quarter of a second to make.
        if (service, signed) not in self._clients:
            self._clients[service, signed] = self._connect(service, _PATIENT if signed else _UNSIGNED)
        return self._clients[service, signed]

    def _connect(self, service: str, settings: Mapping[str, Any]) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - a quarter of a second that few commands need

        values = self.environment
        session = boto3.session.Session(
            aws_access_key_id=values.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=values.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=values.get("AWS_SESSION_TOKEN"),
            region_name=self.region,
            profile_name=values.get("AWS_PROFILE"),
        )
        key = "AWS_ENDPOINT_URL_" + service.replace("-", "_").upper()
        endpoint = values.get(key) or values.get("AWS_ENDPOINT_URL")
        return session.client(service, endpoint_url=endpoint, config=Config(**settings))  # type: ignore[call-overload]  # the stubs know each service by a literal

    def time(self) -> datetime | None:
        """Return what time it is there, as the answer to an unsigned question says; None where nobody answers.

        It takes no credentials, and a clock by which a signature would be refused is answered all the same.
        """
        try:
            self.client("sts", signed=False).get_caller_identity()
        except ClientError as error:
            return _date(error.response)
        except BotoCoreError:
            return None
        return None

    def insist_on_identity(self) -> None:
        """Make sure that the endpoint and credentials lead to this account and to no other, at this time.

        Raises:
            TollgateError: They lead elsewhere, or nowhere, or this machine's clock is ahead.
        """
        asked = datetime.now(UTC)
        try:
            answer = self.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError):
                insist_not_ahead(asked, _date(error.response))
            message = f"the {self.target} account {self.account_id} cannot be reached: {error}"
            raise TollgateError(message, self._remedy()) from None
        insist_not_ahead(asked, _date(answer))
        found = answer["Account"]
        if found != self.account_id:
            message = f"these credentials lead to account {found}, but this environment is account {self.account_id}"
            raise TollgateError(message, "nothing was changed; use that environment's own credentials")

    def _remedy(self) -> str:
        if self.target == "local":
            return "`nox -s cloud -- status` says how the emulated accounts are; `nox -s cloud -- up` starts them"
        return "check the credentials and the network, then run again"


def _date(answer: Mapping[str, Any]) -> datetime | None:
    """Return when an answer was given, by the clock of whoever gave it."""
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return None
