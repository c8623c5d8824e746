"""A finding about one attribute of a change: what it is about, before and after, is said once."""

from pipeline.model.change_set import AttributeChange, ResourceChange
from pipeline.model.safety.finding import Finding, Kind, Severity


def about(
    change: ResourceChange,
    rule: str,
    kind: Kind,
    sentence: str,
    attribute: AttributeChange | None = None,
    severity: Severity = Severity.HIGH,
) -> Finding:
    """Return the finding of `rule` about a change, or about one attribute of it.

    Args:
        change: The resource's change.
        rule: Which rule found it, `data-loss/delete`.
        kind: What is at stake.
        sentence: What will happen, in plain words.
        attribute: The attribute it is about; its values are part of the finding's id.
        severity: How much it should worry.
    """
    if attribute is None:
        return Finding(rule, kind, severity, change.address, sentence)
    return Finding(
        rule, kind, severity, change.address, sentence, attribute.name, attribute.before, attribute.after
    )
