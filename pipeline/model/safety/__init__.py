"""Findings: what a change set does that a person should know before saying yes. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.model.change_set import ChangeSet
from pipeline.model.safety import (
    access,
    data_loss,
    disruption,
    drift,
    guards,
    indexes,
    newly_made,
    outside,
    protection,
    unproven,
    ways_in,
)
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.rules import RULES, registered
from pipeline.model.safety.tolerance import needs_person

__all__ = ["RULES", "Finding", "Kind", "Severity", "findings", "needs_person"]


def findings(
    change_set: ChangeSet,
    *,
    stack: Mapping[str, Any] | None = None,
    baseline: Mapping[str, Any] | None = None,
    rules: Collection[str] = RULES,
) -> tuple[Finding, ...]:
    """Return everything that a person should know about `change_set`, the most severe first.

    Args:
        change_set: What would be applied.
        stack: The release's stack for this environment, to read policies as they are written.
        baseline: The same release's stack for the environment before it. Given only when the instance is
            created for the first time: access that was proven there is not new here. Default: nothing.
        rules: The rules that judge: all of them, but for the tests that show what each one is good for.

    Raises:
        RefusedError: A rule speaks that the registry does not know.
    """
    found = [
        *data_loss.find(change_set),
        *indexes.find(change_set, stack),
        *disruption.find(change_set),
        *access.find(change_set, stack, baseline),
        *newly_made.find(change_set, stack, baseline),
        *ways_in.find(change_set, stack, baseline),
        *protection.find(change_set),
        *guards.find(change_set),
        *outside.find(change_set),
        *drift.find(change_set),
        *unproven.find(change_set),
    ]
    kept = (finding for finding in registered(found) if finding.rule in rules)
    return tuple(sorted(kept, key=lambda finding: (finding.severity.rank, finding.address, finding.id)))
