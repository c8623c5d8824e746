"""Find what a few hex digits mean: a release or a change set, by the beginning of its digest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model.errors import UsageError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.show.entries import release_of

_FEWEST = 4
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What was meant.

    Attributes:
        digest: Its whole digest.
        is_release: Whether it is a release; else it is a change set.
        entry: Of a change set the newest entry that holds it.
    """

    digest: str
    is_release: bool
    entry: Entry | None = None


def find(entries: Sequence[Entry], asked: str) -> Found:
    """Return the one release or change set of the ledger whose digest begins with `asked`.

    Raises:
        UsageError: `asked` is no beginning of a digest, or means nothing, or more than one thing.
    """
    digits = asked.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(rf"[0-9a-f]{{{_FEWEST},64}}", digits):
        message = f"{asked!r} is not the beginning of a digest: at least {_FEWEST} hex digits"
        raise UsageError(message, "`nox -s status` and `nox -s history` show the first 12 of each")
    found: dict[str, Found] = {}
    for entry in entries:
        release, change_set = release_of(entry.body), entry.body.get("change_set")
        if release is not None and _begins(release, digits):
            found.setdefault(release, Found(release, is_release=True))
        holds = entry.kind in {Kind.SHOWN, Kind.START}
        if holds and isinstance(change_set, str) and _begins(change_set, digits):
            found[change_set] = Found(change_set, is_release=False, entry=entry)
    if not found:
        message = f"the ledger names no release and no change set that begins with {digits}"
        raise UsageError(message, "`nox -s history` shows all that it names")
    if len(found) > 1:
        named = ", ".join(short(digest) for digest in sorted(found)[:_NAMED])
        message = f"{digits} begins {len(found)} digests: {named}"
        raise UsageError(message, "give more digits")
    return next(iter(found.values()))


def _begins(digest: str, digits: str) -> bool:
    return digest.removeprefix("sha256:").startswith(digits)
