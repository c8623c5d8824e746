"""Who made what a release brings: they do not approve it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.model.ledger import Entry

_ACCOUNT = "github:"
# The address that GitHub gives for privacy, and to what is merged in its browser, begins with the account's number.
_PRIVATE = re.compile(r"(\d+)\+[^@]+@users\.noreply\.github\.com")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that somebody wants moved through the environments.

    Attributes:
        entry: Where the ledger says so.
    """

    entry: Entry

    @property
    def release(self) -> str:
        """The release's digest."""
        return str(self.entry.body["release"])

    @property
    def people(self) -> frozenset[str]:
        """Who wrote, committed or pushed what is new in it: names and addresses."""
        return frozenset({*self.entry.body["people"], self.entry.by})

    @property
    def is_dirty(self) -> bool:
        """Whether it was built from files that no commit holds, and nobody said that this is fine."""
        return bool(self.entry.body["dirty"]) and not self.entry.body["dirty_allowed"]


def people_behind(candidates: Sequence[Candidate], release: str, deployed: Entry | None) -> frozenset[str]:
    """Return everyone who wrote, committed or pushed anything new in `release` since what is deployed.

    Each candidate names the people since the candidate before it, so those in between count too: their commits are in
    the release. Content that is wanted again, as by a revert, was not deployed again: only what was wanted before it
    was deployed, and before `release`, says since when. Who made a release that is older than what is deployed counts
    all the same, unless it is what runs there.

    Args:
        candidates: Every release that somebody wanted, oldest first.
        release: What would be deployed.
        deployed: The end entry of the promotion that proved what runs there; None where nothing runs.
    """
    running = str(deployed.body["release"]) if deployed else None
    if running == release:
        return frozenset()
    last = max((place for place, each in enumerate(candidates) if each.release == release), default=-1)
    begins = [
        place
        for place, each in enumerate(candidates)
        if deployed and each.release == running and each.entry.number < deployed.number
    ]
    older = last - 1 if begins else -1
    first = max((place for place in begins if place < last), default=older)
    return frozenset().union(*(each.people for each in candidates[first + 1 : last + 1]))


def account_at_github(number: int) -> str:
    """Return how an account at GitHub is named among makers and identities: by its number, which stays."""
    return f"{_ACCOUNT}{number}"


def is_maker(person: str, identities: Iterable[str], makers: Iterable[str]) -> bool:
    """Whether a person wrote, committed or pushed something that is new in a release.

    Args:
        person: The name by which approvals are counted.
        identities: The addresses of the person's commits, and the person's account at GitHub.
        makers: Names, addresses and accounts of everyone whose work is new in it.
    """
    known = {name.casefold() for name in (person, *identities)}
    return any(not known.isdisjoint(_names(maker.casefold())) for maker in makers)


def _names(maker: str) -> set[str]:
    private = _PRIVATE.fullmatch(maker)
    return {maker, account_at_github(int(private[1]))} if private else {maker}
