"""Environments in their order, and the instances that live in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from pipeline.model.errors import UsageError
from pipeline.model.freeze import Freeze

SmokeMode = Literal["full", "read-only"]

_SUFFIX = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_SUFFIX_LENGTH = 16
"""Short enough that a name made with it stays within S3's 63 and IAM's 64 characters, whatever stands before it."""
_RESERVED = re.compile(r"(^|-)s3alias$")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that needs no person, because the settings say why it is right.

    Attributes:
        finding: Its id.
        expires: The last day, in UTC, on which that counts; None for as long as it stands there.
    """

    finding: str
    expires: date | None = None

    def counts(self, at: datetime) -> bool:
        """Whether it still counts at a moment."""
        return self.expires is None or at.astimezone(UTC).date() <= self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An account, a region, a place for state, and its gates.

    Attributes:
        name: `dev`, `staging`, `prod`, or what a platform team adds.
        order: Position in the way of a release; the one before must have proven it.
        region: AWS region, such as `ap-northeast-2`.
        accounts: The 12-digit account id for each target (`local`, `aws`).
        approvals: How many people must approve a change set that needs a person.
        tolerates: What a change set may hold without a person: `all-but-data-loss`, `no-widening`
            (neither wider access nor data loss) or `nothing`.
        allows_dirty: Whether a release from uncommitted files may come here.
        previews: Whether instances with another suffix may live here.
        smoke: `full`, or `read-only` where checks may write nothing.
        settle_seconds: How long a smoke check may be repeated while the endpoint becomes ready.
        approval_hours: How long an approval can be used.
        accepts: Findings that need no person here, because the settings say why they are right.
        soak_minutes: How long a release must have been proven in the environment before.
        evidence_days: How old evidence may be; older is stale.
        offer_hours: How long a change set that was shown stays offered.
        preview_hours: How long a preview may stand untouched before `sweep` destroys it.
        freezes: Windows in which nothing moves here.
    """

    name: str
    order: int
    region: str
    accounts: Mapping[str, str]
    approvals: int
    tolerates: str
    allows_dirty: bool
    previews: bool
    smoke: SmokeMode
    settle_seconds: int
    approval_hours: int
    accepts: tuple[Accepted, ...] = ()
    soak_minutes: int = 0
    evidence_days: int = 30
    offer_hours: int = 72
    preview_hours: int = 72
    freezes: tuple[Freeze, ...] = ()

    def accepted_at(self, at: datetime) -> frozenset[str]:
        """Return the ids of the findings that need no person here at a moment."""
        return frozenset(accepted.finding for accepted in self.accepts if accepted.counts(at))


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """One deployment inside an environment, named by its suffix.

    Attributes:
        environment: The environment's name.
        suffix: The environment's name for the main instance; `pr-42` for one beside it.
    """

    environment: str
    suffix: str

    @property
    def is_main(self) -> bool:
        """Whether releases are promoted through this instance (a preview proves nothing for others)."""
        return self.environment == self.suffix

    @property
    def file_stem(self) -> str:
        """A name for files about this instance."""
        return self.environment if self.is_main else f"{self.environment}.{self.suffix}"

    @property
    def on_command_line(self) -> str:
        """How a command names it: `prod`, or `dev --suffix pr-42`."""
        return self.environment if self.is_main else f"{self.environment} --suffix {self.suffix}"

    def __str__(self) -> str:
        return self.environment if self.is_main else f"{self.environment}/{self.suffix}"


def instance_of(environment: Environment, suffix: str | None) -> Instance:
    """Return the instance of `environment` called `suffix` (default: the main one).

    Raises:
        UsageError: The suffix cannot be part of AWS names, or the environment keeps one instance only.
    """
    if suffix is None or suffix == environment.name:
        return Instance(environment.name, environment.name)
    if len(suffix) > MAX_SUFFIX_LENGTH or not _SUFFIX.fullmatch(suffix):
        message = (
            f"the suffix {suffix!r} cannot be part of S3 and IAM names: it needs 1 to {MAX_SUFFIX_LENGTH} "
            "lower-case letters, digits and single hyphens, beginning with a letter"
        )
        raise UsageError(message, "for example `--suffix pr-42`")
    if _RESERVED.search(suffix):
        message = (
            f"the suffix {suffix!r} cannot be part of a bucket's name: S3 keeps names that end with s3alias"
        )
        raise UsageError(message, "for example `--suffix pr-42`")
    if not environment.previews:
        message = f"{environment.name} keeps one instance; a suffix is for environments with previews"
        raise UsageError(message, "use `--to dev --suffix NAME`")
    return Instance(environment.name, suffix)
