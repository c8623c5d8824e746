"""What the release does not set: the provider reports it after apply."""

from typing import Any

from pipeline.model.change_set import AttributeChange
from pipeline.model.values import Known, Unknown

_EMPTY: tuple[Any, ...] = ("", False, 0, [], {})
_NOTHING_SET = frozenset(Known.of(empty) for empty in _EMPTY)


def is_left_open(attribute: AttributeChange) -> bool:
    """True if nothing was set before, and what comes is the provider's to say: nobody asks for anything.

    Where something was set before, the provider may forget it: that is for a person.
    """
    before, after = attribute.before, attribute.after
    decided_by_provider = isinstance(after, Unknown) and not after.references and not after.secret
    return decided_by_provider and (before is None or before in _NOTHING_SET)
