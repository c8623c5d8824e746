"""How everything of one instance is called and tagged.

The instance's suffix and the account are Terraform variables: one synthesized stack serves every instance of
its environment, in whatever account its target names.
"""

import re
from dataclasses import dataclass

from infra.errors import InfraError
from infra.providers import Token

PROJECT = "tollgate"
MANAGED_BY = "cdktf"

FUNCTION_BOUNDARY = "payments-function-boundary"

# As long as the pipeline takes one (a test compares), and short enough for every service's own limit on names.
SUFFIX_MAX = 16
SUFFIX_PATTERN = r"^[a-z](-?[a-z0-9])*$"
# S3 keeps names that end like this for itself.
SUFFIX_RESERVED = r"(^|-)s3alias$"
ACCOUNT_PATTERN = r"^[0-9]{12}$"
RELEASE_PATTERN = r"^(unreleased|sha256:[0-9a-f]{64})$"


def check_suffix(suffix: str, field: str = "environment suffix") -> str:
    """The suffix itself, if every service accepts names made with it.

    Args:
        suffix: The suffix.
        field: What it is called where it was written down.

    Raises:
        InfraError: If it is too long, holds a character some service refuses, or is kept for S3 itself.
    """
    if len(suffix) > SUFFIX_MAX or not re.fullmatch(SUFFIX_PATTERN, suffix):
        raise InfraError(
            f"{field} is {suffix!r}, expected at most {SUFFIX_MAX} lower-case letters, digits and "
            "single hyphens, starting with a letter and not ending with a hyphen",
            hint="S3 and IAM allow no other names; pr-42 is a good one",
        )
    if re.search(SUFFIX_RESERVED, suffix):
        raise InfraError(
            f"{field} is {suffix!r}, expected one that does not end with s3alias",
            hint="S3 keeps such names for itself; pr-42 is a good one",
        )
    return suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNames:
    """Names and tags of one instance.

    Attributes:
        environment: The environment's name.
        suffix: The instance's suffix, usually the stack's Terraform variable.
        account_id: The account's id, usually the stack's Terraform variable.
        owner: Who answers for the instance.
    """

    environment: str
    suffix: str
    account_id: str
    owner: str

    def __post_init__(self) -> None:
        """Refuse what some service would refuse later; what only Terraform will know, its variables check."""
        if not Token.is_unresolved(self.suffix):
            check_suffix(self.suffix)
        if not (Token.is_unresolved(self.account_id) or re.fullmatch(ACCOUNT_PATTERN, self.account_id)):
            raise InfraError(f"account id is {self.account_id!r}, expected 12 digits")

    def of(self, kind: str) -> str:
        """The name of the instance's `kind`: `payments-api-dev`."""
        return f"{kind}-{self.suffix}"

    def bucket(self, kind: str) -> str:
        """A bucket's name, which has to be unique in the world: `receipts-<account>-dev`."""
        return f"{kind}-{self.account_id}-{self.suffix}"

    @property
    def function_boundary_arn(self) -> str:
        """The wall around every function's role in this environment; the account's bootstrap makes it."""
        return f"arn:aws:iam::{self.account_id}:policy/{FUNCTION_BOUNDARY}-{self.environment}"

    @property
    def tags(self) -> dict[str, str]:
        """What everything carries that can carry tags. The release is not among them: it would touch all."""
        return {
            "Environment": self.environment,
            "EnvironmentSuffix": self.suffix,
            "ManagedBy": MANAGED_BY,
            "Owner": self.owner,
            "Project": PROJECT,
        }
