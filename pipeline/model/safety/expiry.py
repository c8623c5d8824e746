"""When a bucket throws objects away: its lifecycle rules, in a resource of their own or inside the bucket."""

from pipeline.model.change_set import Action, AttributeChange, ResourceChange
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.values import Known, Path, Unknown

OWN = "aws_s3_bucket_lifecycle_configuration"
_INSIDE = ("aws_s3_bucket", "lifecycle_rule")
_BLOCKS = frozenset({"expiration", "lifecycle_rule", "noncurrent_version_expiration", "rule"})
_SELECTS = frozenset({"filter", "prefix", "tags"})
_SWITCHES = {"status": Known.of("Disabled"), "enabled": Known.of(False)}
DAYS = frozenset({"date", "days", "newer_noncurrent_versions", "noncurrent_days"})


def is_expiry(change: ResourceChange, path: Path) -> bool:
    """True for what says when objects are thrown away; a bucket that is replaced loses them anyway."""
    inside = change.type == _INSIDE[0] and path[:1] == (_INSIDE[1],)
    return change.type == OWN or (inside and change.action is Action.UPDATE)


def grips_more(change: ResourceChange, attribute: AttributeChange) -> bool:
    """True if a rule begins to hold, takes hold of other objects, or cannot be read before it is applied."""
    names = [step for step in attribute.path if isinstance(step, str)]
    if not _SELECTS.isdisjoint(names):
        return not is_left_open(attribute) and not _goes_with_its_rule(change, attribute.path)
    if attribute.after is None or "transition" in names:
        return False
    if names[-1] in _SWITCHES:
        return attribute.after != _SWITCHES[names[-1]]
    return names[-1] in _BLOCKS and isinstance(attribute.after, Unknown)


def is_age(path: Path) -> bool:
    """True for the number or the date that says when."""
    return path[-1] in DAYS and "transition" not in path


def _goes_with_its_rule(change: ResourceChange, path: Path) -> bool:
    """True if the rule at this position is taken away as a whole: then it throws nothing away any more."""
    switches = (change.attribute(*path[:2], name) for name in _SWITCHES)
    return any(switch is not None and switch.after is None for switch in switches)
