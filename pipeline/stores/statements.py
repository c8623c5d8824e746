"""Copies of signed statements beside the ledger entries that name them: whoever has the ledger has the evidence."""

from collections.abc import Callable, Sequence

from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.stores.ledger import Ledger
from pipeline.stores.releases import Copy
from pipeline.trust.statement import ENVELOPE_TYPE


def document_name(digest: str) -> str:
    """Return the name under which an evidence entry keeps the statement with this digest."""
    return f"statement-{digest.removeprefix('sha256:')[:16]}.json"


def copies_in(ledger: Ledger, entries: Callable[[], Sequence[Entry]]) -> Callable[[str], Copy | None]:
    """Return what gives the copy of a statement by its digest, None where the ledger keeps none.

    Args:
        ledger: Where the documents are.
        entries: Gives its verified entries.
    """

    def copy_of(digest: str) -> Copy | None:
        name = document_name(digest)
        for entry in entries():
            if entry.kind is Kind.EVIDENCE and name in entry.documents:
                try:
                    return Copy(str(entry.body["release"]), ENVELOPE_TYPE, ledger.document(entry, name))
                except LedgerError:
                    return None  # the ledger's own check says what is the matter with it
        return None

    return copy_of
