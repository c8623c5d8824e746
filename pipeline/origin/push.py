"""What a push asks for: which references move, and which of these moves are refused."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.model.errors import UsageError

BRANCH = "main"
"""The branch that is promoted."""

_REF = f"refs/heads/{BRANCH}"
_LINE = re.compile(r"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (refs/\S+)")


@dataclass(frozen=True, slots=True)
class Update:
    """One reference that a push moves.

    Attributes:
        old: The commit that it names, None where it is new.
        new: The commit that it shall name, None where it is deleted.
        ref: Its full name.
    """

    old: str | None
    new: str | None
    ref: str

    @property
    def is_promoted(self) -> bool:
        """Whether this is the branch that is promoted."""
        return self.ref == _REF


def read_updates(lines: Iterable[str]) -> tuple[Update, ...]:
    """Return what git tells a hook on its standard input, one line per reference.

    Raises:
        UsageError: It is something else, so it was not git that ran the hook.
    """
    updates = []
    for line in lines:
        found = _LINE.fullmatch(line.rstrip("\n"))
        if found is None:
            raise by_hand()
        updates.append(Update(_commit(found[1]), _commit(found[2]), found[3]))
    return tuple(updates)


def by_hand() -> UsageError:
    """Return the refusal of a hook that was not run by git."""
    message = "this is a hook: git runs it when somebody pushes, and tells it what is pushed"
    return UsageError(message, f"`git push local {BRANCH}` in the clone")


def promoted(updates: Iterable[Update]) -> Update | None:
    """Return the move of the branch that is promoted, None where the push leaves it alone."""
    return next((update for update in updates if update.is_promoted), None)


def _commit(digits: str) -> str | None:
    return digits if digits.strip("0") else None
