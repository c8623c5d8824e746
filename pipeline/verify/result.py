"""What a verification is asked and what it says."""

from dataclasses import dataclass
from typing import Any

from pipeline.model.audit import Problem
from pipeline.model.errors import UsageError
from pipeline.model.release import is_digest
from pipeline.verify.story import Story


@dataclass(frozen=True, slots=True)
class Anchor:
    """An entry that somebody knows from elsewhere: the ledger must hold it.

    Attributes:
        number: Its number.
        digest: Its digest.
    """

    number: int
    digest: str


def parse_anchor(text: str) -> Anchor:
    """Read `N:sha256:…`.

    Raises:
        UsageError: It is something else.
    """
    number, _, digest = text.partition(":")
    if not number.isdecimal() or int(number) < 1 or not is_digest(digest):
        message = f"{text!r:.100} names no entry; it is a number, a colon and a digest"
        raise UsageError(message, "`nox -s history -- --json` shows both of each entry")
    return Anchor(int(number), digest)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out.

    Attributes:
        entries: How many entries the ledger holds; 0 where it cannot be read.
        head: The newest entry's digest.
        stories: What is shown of each release that was looked at.
        problems: Everything that is the matter.
        notes: What was not looked at, and why.
        is_anchored: Whether the ledger was compared with an entry known from elsewhere.
        absent: Those of the problems that only say that a release is not in the store at hand, which may be nobody's
            fault: another machine has it.
    """

    entries: int
    head: str | None
    stories: tuple[Story, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    is_anchored: bool = False
    absent: tuple[Problem, ...] = ()

    @property
    def verdict(self) -> str:
        """The last word, as a sentence without a final period."""
        if self.problems:
            number = len(self.problems)
            return f"NOT VERIFIED: {number} {'problem' if number == 1 else 'problems'}"
        if self.is_anchored:
            return "verified: consistent, and the ledger holds the entry you named"
        return (
            "verified: consistent, completeness not shown (name an entry you know: `--contains N:sha256:…`)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "verified": not self.problems,
            "verdict": self.verdict,
            "entries": self.entries,
            "head": self.head,
            "releases": [story.to_json() for story in self.stories],
            "anchored": self.is_anchored,
            "problems": [
                {"kind": problem.kind.value, "sentence": problem.sentence} for problem in self.problems
            ],
            "notes": list(self.notes),
        }
