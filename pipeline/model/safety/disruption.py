"""Disruption: something that holds no data goes away or is replaced."""

from collections.abc import Iterator

from pipeline.model.change_set import Action, ChangeSet, ResourceChange
from pipeline.model.safety.data_loss import holds_data
from pipeline.model.safety.finding import Finding, Kind, Severity


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for every deletion and replacement that loses no data, the harmless one left out."""
    for change in change_set.changes:
        if change.action.destroys and not holds_data(change.type) and not _is_new_deployment(change):
            forced = f", forced by {', '.join(change.replaces_because)}" if change.replaces_because else ""
            word = "replaces" if change.action.replaces else "deletes"
            yield Finding(
                f"disruption/{'replace' if change.action.replaces else 'delete'}",
                Kind.DISRUPTION,
                Severity.MEDIUM,
                change.address,
                f"{word} {change.label}{forced}",
                subject=change.deposed or ", ".join(change.replaces_because),
            )


def _is_new_deployment(change: ResourceChange) -> bool:
    """An API's deployment is a snapshot: each change of the API makes a new one, then lets the old one go."""
    return change.type == "aws_api_gateway_deployment" and (
        change.action is Action.REPLACE_CREATE_FIRST or change.deposed is not None
    )
