"""What a local cloud consists of, what is known about it, and how to reach it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.model.errors import UsageError

State = Literal["up", "down", "unclean", "dead"]
"""`up` answers; `down` never ran or was stopped cleanly; `unclean` is gone without having been stopped;
`dead` has a process that does not answer (any more, or not yet)."""

_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One emulated AWS account.

    Attributes:
        environment: The environment whose account it is; names its folder.
        account_id: Twelve digits.
        region: The one region it is used in.
        port: The port to answer on. None: the one it had last, or a free one, then kept.
        port_is_fixed: Whether `port` was asked for by a person: then no other one will do.
    """

    environment: str
    account_id: str
    region: str
    port: int | None = None
    port_is_fixed: bool = False

    def __post_init__(self) -> None:
        for what, value, pattern, expected in (
            ("environment", self.environment, _ENVIRONMENT, "lower-case letters, digits and hyphens"),
            ("account id", self.account_id, _ACCOUNT_ID, "twelve digits"),
            ("region", self.region, _REGION, "a region's name such as ap-northeast-2"),
        ):
            if not pattern.fullmatch(value):
                message = f"the local cloud's {what} {value!r} is not {expected}"
                raise UsageError(message, "correct it in environments/*.toml")
        if self.port is not None and not 1024 <= self.port <= 65535:
            message = (
                f"the local cloud's port {self.port} for {self.environment} is not between 1024 and 65535"
            )
            raise UsageError(message, "choose another one, or name none and let one be found")


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What is known about one account now.

    Attributes:
        spec: Which account.
        state: See `State`.
        endpoint: Its address, whenever one is remembered: it stays the same over restarts.
        pid: Its process, while there is one.
        since: When it started to answer, ISO 8601.
        vanished: What the last unclean stop lost, in sentences; empty after a clean one.
        log: Its log.
    """

    spec: AccountSpec
    state: State
    endpoint: str | None
    pid: int | None
    since: str | None
    vanished: tuple[str, ...]
    log: Path


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """How a program reaches one account: address and credentials, all from outside the release.

    Attributes:
        endpoint_url: One address for every service, CloudWatch included.
        account_id: The account; as access key id it also is the emulator's name for its root user.
        region: The region to use.
    """

    endpoint_url: str
    account_id: str
    region: str
    variables: Mapping[str, str] = field(init=False, repr=False)
    """What to set for Terraform and boto3 (see `environ`)."""

    def __post_init__(self) -> None:
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.account_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # Nothing of the person's own AWS set-up may leak in: neither a profile nor the machine's role.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        object.__setattr__(self, "variables", variables)

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return `base` with every AWS_… variable of its own replaced by ours.

        Loopback is also taken out of any HTTP proxy's hands.
        """
        kept = {name: value for name, value in base.items() if not name.startswith("AWS_")}
        for name in ("NO_PROXY", "no_proxy"):
            kept[name] = ",".join(filter(None, [kept.get(name), "127.0.0.1,localhost"]))
        return {**kept, **self.variables}

    def invoke_url(self, rest_api_id: str, stage: str) -> str:
        """Return the base URL for calls of a deployed REST API, without a final slash."""
        return f"{self.endpoint_url}/_aws/execute-api/{rest_api_id}/{stage}"
