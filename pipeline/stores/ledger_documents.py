"""Documents that lie beside ledger entries, many at once: one git process for hundreds instead of two for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.model.canonical import sha256_digest
from pipeline.model.errors import LedgerError
from pipeline.model.ledger import Entry
from pipeline.stores.git import BareRepository, words
from pipeline.stores.ledger import BRANCH

_AT_ONCE = 200


@dataclass(frozen=True)
class LedgerDocuments:
    """What lies beside the entries of a ledger.

    Attributes:
        path: The ledger's repository.
    """

    path: Path

    def read(self, entries: Sequence[Entry], *names: str) -> Iterator[tuple[Entry, tuple[bytes | None, ...]]]:
        """Yield each entry with the documents of these names; None where one is missing or another one.

        Args:
            entries: Verified entries.
            names: Such as `change-set.json`.

        Raises:
            LedgerError: The repository cannot be read.
        """
        for first in range(0, len(entries), _AT_ONCE):
            some = entries[first : first + _AT_ONCE]
            asked = "".join(f"{self._commits[entry.number - 1]}:{name}\n" for entry in some for name in names)
            answer = BareRepository(self.path).run(["cat-file", "--batch"], asked.encode())
            if answer.returncode != 0:
                raise LedgerError(f"{self.path} is damaged: {words(answer.stderr)}")
            contents = _contents(answer.stdout)
            for entry in some:
                yield entry, tuple(_fitting(entry, name, next(contents)) for name in names)

    @cached_property
    def _commits(self) -> list[str]:
        return BareRepository(self.path).git("rev-list", "--reverse", f"refs/heads/{BRANCH}").split()


def _fitting(entry: Entry, name: str, content: bytes | None) -> bytes | None:
    return content if content is not None and sha256_digest(content) == entry.documents.get(name) else None


def _contents(output: bytes) -> Iterator[bytes | None]:
    """Split what `git cat-file --batch` answers: a header and the bytes for each, or a line that says it is missing."""
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        header = output[position:end].split()
        position = end + 1
        if len(header) != 3 or header[1] != b"blob":
            yield None
            if len(header) == 3 and header[2].isdigit():
                position += int(header[2]) + 1  # a tree where a document should be
            continue
        size = int(header[2])
        yield output[position : position + size]
        position += size + 1
