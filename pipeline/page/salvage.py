"""What of a ledger can still be believed when it does not verify as a whole: the entries before the first bad one."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.model.errors import LedgerError, TollgateError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.show.text import safe
from pipeline.stores.git import BareRepository
from pipeline.stores.ledger import BRANCH, ENTRY_FILE
from pipeline.stores.sealed import open_sealed

_KNOWN = {kind.value for kind in Kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What was saved.

    Attributes:
        entries: Those that verify, oldest first, up to the first that does not.
        total: How many the ledger holds.
        unknown: Entries of a kind that this version does not know: number and kind.
    """

    entries: tuple[Entry, ...]
    total: int
    unknown: tuple[tuple[int, str], ...]


def salvage(path: Path) -> Salvaged:
    """Return what verifies of the ledger in the bare repository `path`. Nothing is written, no remote is asked."""
    try:
        envelopes = _envelopes(BareRepository(path))
    except (TollgateError, ValueError):
        return Salvaged(entries=(), total=0, unknown=())
    good = _longest_good(envelopes)
    unknown = tuple(
        (number, safe(kind))
        for number, raw in enumerate(envelopes[len(good) :], start=len(good) + 1)
        if (kind := _kind(raw)) is not None and kind not in _KNOWN
    )
    return Salvaged(entries=good, total=len(envelopes), unknown=unknown)


def _longest_good(envelopes: Sequence[bytes]) -> tuple[Entry, ...]:
    """Return the longest run of entries from genesis that verifies, found by halving."""
    best = _opened(envelopes)
    if best is not None:
        return best
    good: tuple[Entry, ...] = ()
    low, high = 0, len(envelopes)  # the first `low` verify, the first `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        found = _opened(envelopes[:middle])
        if found is None:
            high = middle
        else:
            low, good = middle, found
    return good


def _opened(envelopes: Sequence[bytes]) -> tuple[Entry, ...] | None:
    try:
        return open_sealed(envelopes, ())[0]
    except LedgerError:
        return None


def _envelopes(repository: BareRepository) -> list[bytes]:
    """Return the signed bytes of every commit of the branch, oldest first; empty bytes where a commit holds none."""
    if repository.is_missing:
        return []
    commits = repository.git("rev-list", "--reverse", f"refs/heads/{BRANCH}").split()
    asked = "".join(f"{commit}:{ENTRY_FILE}\n" for commit in commits).encode()
    answer = repository.run(["cat-file", "--batch"], asked).stdout
    contents: list[bytes] = []
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        header = answer[position:end].split()
        if header[-1] == b"missing":
            contents.append(b"")
            position = end + 1
            continue
        size = int(header[2])
        contents.append(answer[end + 1 : end + 1 + size])
        position = end + size + 2
    return contents


def _kind(raw: bytes) -> str | None:
    """Return what kind an entry claims to be, believing nothing."""
    try:
        kind = json.loads(base64.b64decode(json.loads(raw)["payload"]))["kind"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return kind if isinstance(kind, str) else None
