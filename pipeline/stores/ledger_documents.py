"""Documents that lie beside ledger entries, many at once: one git process for hundreds instead of two for each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.model.canonical import sha256_digest
from pipeline.model.errors import LedgerError
from pipeline.model.ledger import Entry
from pipeline.stores.git import BareRepository, words
from pipeline.stores.ledger import BRANCH

_AT_ONCE = 200


def read_documents(path: Path, entries: Sequence[Entry], name: str) -> Iterator[tuple[Entry, bytes | None]]:
    """Yield each entry with the document of that name beside it; None where it is missing or another one.

    Args:
        path: The ledger's repository.
        entries: Verified entries.
        name: The document's name, such as `change-set.json`.

    Raises:
        LedgerError: The repository cannot be read.
    """
    repository = BareRepository(path)
    commits = repository.git("rev-list", "--reverse", f"refs/heads/{BRANCH}").split() if entries else []
    for first in range(0, len(entries), _AT_ONCE):
        some = entries[first : first + _AT_ONCE]
        asked = "".join(f"{commits[entry.number - 1]}:{name}\n" for entry in some)
        answer = repository.run(["cat-file", "--batch"], asked.encode())
        if answer.returncode != 0:
            raise LedgerError(f"{path} is damaged: {words(answer.stderr)}")
        for entry, content in zip(some, _contents(answer.stdout), strict=True):
            fits = content is not None and sha256_digest(content) == entry.documents.get(name)
            yield entry, content if fits else None


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
