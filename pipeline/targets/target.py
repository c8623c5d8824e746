"""Where a release is carried to: the emulated accounts of this machine, or AWS."""

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.host.home import Home
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import TollgateError, UsageError
from pipeline.targets.account import Account
from pipeline.targets.local import AccountSpec, LocalCloud

TARGETS = ("local", "aws")
_AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CA_BUNDLE",
)


class Target(Protocol):
    """A set of accounts, one per environment."""

    @property
    def name(self) -> str:
        """`local` or `aws`."""

    @property
    def relaxes(self) -> tuple[str, ...]:
        """The rules that do not hold here, in words that every output repeats."""

    @property
    def is_relaxed(self) -> bool:
        """Whether those rules do not hold: one person owns everything here, so they would protect nobody."""

    def prepare(self, say: Callable[[str], None], /) -> None:
        """Make the accounts reachable."""

    def may_lack(self, instance: Instance) -> bool:
        """Whether something of an instance may be gone of which no ledger knows, until it was looked into."""

    def was_looked_into(self, instance: Instance) -> None:
        """Take note that all of an instance is there, as was just seen."""

    def account(self, environment: Environment) -> Account:
        """Return the account of an environment."""

    def saved(self, environment: Environment) -> None:
        """Take note that something worth keeping has just been changed there."""

    def insist_alive(self, environment: Environment) -> None:
        """Raise if the account is known to be gone, so that nobody waits for it."""


class LocalTarget:
    """The emulated accounts of this machine."""

    name = "local"
    relaxes = ("whoever built may approve", "soak time is zero", "keys made on first use are trusted")
    is_relaxed = True

    def __init__(self, environments: Sequence[Environment], home: Home) -> None:
        self._cloud = local_cloud(environments, home)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Start what is not running; say what an unclean stop lost."""
        before = {status.spec.environment: status.state for status in self._cloud.status()}
        if all(state == "up" for state in before.values()):
            return
        for status in self._cloud.up(say):
            if before[status.spec.environment] in {"unclean", "dead"}:
                for sentence in status.vanished:
                    say(f"{status.spec.environment}: {sentence}")

    def may_lack(self, instance: Instance) -> bool:
        """Whether its account was stopped uncleanly since all of the instance was seen there."""
        return self._cloud.losses(instance.environment).may_concern(instance.file_stem)

    def was_looked_into(self, instance: Instance) -> None:
        """Take note that all of an instance is there, as was just seen."""
        self._cloud.losses(instance.environment).looked_into(instance.file_stem)

    def account(self, environment: Environment) -> Account:
        """Return the emulated account of an environment."""
        access = self._cloud.access(environment.name)
        # Loopback must not go through the proxy that a company's machine may name.
        own = {*access.variables, "NO_PROXY", "no_proxy"}
        variables = {name: value for name, value in access.environ(os.environ).items() if name in own}
        return Account("local", access.account_id, access.region, variables, access.invoke_url)

    def saved(self, environment: Environment) -> None:
        """Have the emulator write what it holds, so that a kill loses nothing of it."""
        self._cloud.checkpoint(environment.name)

    def insist_alive(self, environment: Environment) -> None:
        """Raise if the emulated account's process is gone: Terraform alone would try for minutes.

        Raises:
            TollgateError: It is gone.
        """
        status = next(row for row in self._cloud.status() if row.spec.environment == environment.name)
        if status.state in {"unclean", "down"}:
            message = (
                f"the emulated account of {environment.name} died during the apply; its log is {status.log}"
            )
            raise TollgateError(message, "the next command starts the account again")


class AwsTarget:
    """Real accounts, reached by the credentials that the caller's environment brings."""

    name = "aws"
    relaxes: tuple[str, ...] = ()
    is_relaxed = False

    def prepare(self, _say: Callable[[str], None]) -> None:
        """Nothing has to be started."""

    def may_lack(self, _instance: Instance) -> bool:
        """AWS loses nothing; what people remove, the nightly look finds."""
        return False

    def was_looked_into(self, instance: Instance) -> None:
        """AWS loses nothing."""

    def account(self, environment: Environment) -> Account:
        """Return the real account of an environment."""
        if "aws" not in environment.accounts:
            message = f"{environment.name} names no AWS account"
            raise UsageError(
                message, f'add `aws = "<12 digits>"` to [accounts] in environments/{environment.name}.toml'
            )
        region = environment.region
        variables = {name: os.environ[name] for name in _AWS_VARIABLES if name in os.environ}
        variables |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}

        def base_url(rest_api_id: str, stage: str) -> str:
            return f"https://{rest_api_id}.execute-api.{region}.amazonaws.com/{stage}"

        return Account("aws", environment.accounts["aws"], region, variables, base_url)

    def saved(self, environment: Environment) -> None:
        """AWS keeps what it is given."""

    def insist_alive(self, environment: Environment) -> None:
        """AWS is there; where the network is not, Terraform says so."""


def find_target(name: str, environments: Sequence[Environment], home: Home) -> Target:
    """Return the target called `name`.

    Raises:
        UsageError: There is none of that name.
    """
    if name == "local":
        return LocalTarget(environments, home)
    if name == "aws":
        return AwsTarget()
    message = f"there is no target {name!r}; there are {', '.join(TARGETS)}"
    raise UsageError(message, "set TOLLGATE_TARGET or `--target` to one of them")


def local_cloud(environments: Sequence[Environment], home: Home) -> LocalCloud:
    """Return the local accounts of these environments.

    Raises:
        UsageError: An environment has none.
    """
    for environment in environments:
        if "local" not in environment.accounts:
            message = f"{environment.name} names no local account"
            hint = f'add `local = "<12 digits>"` to [accounts] in environments/{environment.name}.toml'
            raise UsageError(message, hint)
    specs = [
        AccountSpec(environment.name, environment.accounts["local"], environment.region)
        for environment in environments
    ]
    return LocalCloud(home.path, specs)
