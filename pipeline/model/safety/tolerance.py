"""What an environment tolerates without a person."""

from collections.abc import Sequence
from typing import Final

from pipeline.model.change_set import ChangeSet
from pipeline.model.errors import UsageError
from pipeline.model.safety.finding import Finding, Kind

NOTHING: Final = "nothing"

NOT_TOLERATED: Final[dict[str, frozenset[Kind]]] = {
    "all-but-data-loss": frozenset({Kind.DATA_LOSS}),
    "no-widening": frozenset({Kind.DATA_LOSS, Kind.ACCESS, Kind.PROTECTION, Kind.OUTSIDE, Kind.UNPROVEN}),
    NOTHING: frozenset(Kind),
}
"""By the word in the environment's settings: the kinds of findings that need a person."""


def needs_person(change_set: ChangeSet, findings: Sequence[Finding], tolerates: str) -> tuple[str, ...]:
    """Return why a person must say yes before this is applied; empty if nobody has to.

    Args:
        change_set: What would be applied.
        findings: What was found in it.
        tolerates: `all-but-data-loss`, `no-widening` or `nothing`.

    Raises:
        UsageError: There is no such tolerance.
    """
    if tolerates not in NOT_TOLERATED:
        known = ", ".join(sorted(NOT_TOLERATED))
        raise UsageError(
            f"there is no tolerance {tolerates!r}; known are {known}", "Correct the environment's file."
        )
    if change_set.is_empty:
        return ()
    reasons = [_told(kind, findings) for kind in Kind if kind in NOT_TOLERATED[tolerates]]
    if tolerates == NOTHING:
        reasons.insert(0, f"{change_set.environment} is changed by nothing without a person")
    return tuple(reason for reason in reasons if reason)


def _told(kind: Kind, findings: Sequence[Finding]) -> str:
    found = [finding for finding in findings if finding.kind is kind]
    if not found:
        return ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{kind.value}: {found[0].sentence}{more}"
