"""Is something made by this very change set, so that it cannot hold data or rights yet?"""

from pipeline.model.change_set import Action, ChangeSet
from pipeline.model.values import Unknown, Value


def is_made_here(value: Value, change_set: ChangeSet) -> bool:
    """True if the value comes from nothing but resources that this change set creates.

    What is known already, comes from a variable, or is decided by the provider, is not.
    """
    if not isinstance(value, Unknown) or not value.references:
        return False
    made = {change.address for change in change_set.changes if change.action is Action.CREATE}
    return all(".".join(reference.split(".")[:2]) in made for reference in value.references)
