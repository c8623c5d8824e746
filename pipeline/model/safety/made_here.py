"""Is something made by this very change set, so that it cannot hold data or rights yet?"""

from pipeline.model.change_set import Action, AttributeChange, ChangeSet
from pipeline.model.values import Known, Unknown, Value


def is_made_here(value: Value, change_set: ChangeSet) -> bool:
    """True if the value comes from nothing but resources that this change set creates.

    What is known already, comes from a variable, or is decided by the provider, is not.
    """
    if not isinstance(value, Unknown) or not value.references:
        return False
    made = {change.address for change in change_set.changes if change.action is Action.CREATE}
    return all(".".join(reference.split(".")[:2]) in made for reference in value.references)


def is_new_bucket(bucket: Value, change_set: ChangeSet) -> bool:
    """True if this is a bucket that the change set creates, referred to or called by its name."""
    names = (
        change.attribute("bucket")
        for change in change_set.changes
        if change.type == "aws_s3_bucket" and change.action is Action.CREATE
    )
    return is_made_here(bucket, change_set) or any(
        name is not None and isinstance(name.after, Known) and name.after == bucket for name in names
    )


def follows(attribute: AttributeChange, change_set: ChangeSet) -> bool:
    """True if it points at what it pointed at before, which this change set replaces."""
    after = attribute.after
    if not isinstance(after, Unknown) or not after.references or attribute.before is None:
        return False
    pointed_at = {".".join(reference.split(".")[:2]) for reference in after.references}
    replaced = {
        change.address
        for change in change_set.changes
        if change.action.replaces and any(a.before == attribute.before for a in change.attributes)
    }
    return pointed_at <= replaced
