"""The evidence of a release as the page tells it: what each signed statement says, or why it is not believed."""

from collections.abc import Sequence

from pipeline.evidence.verify import Problem, named_in, open_named
from pipeline.model.errors import TollgateError
from pipeline.model.history import History
from pipeline.model.release import short
from pipeline.page.model import Proof
from pipeline.show.text import safe
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.statement import signed_at


def proofs_of(store: ReleaseStore, history: History, release: str) -> Sequence[Proof]:
    """Return every statement that the ledger names about a release, each opened with the key that counted then."""
    try:
        named = named_in(history.evidence.get(release, ()), release)
    except TollgateError as error:  # an entry names something that is no statement
        return [Proof(name="evidence", passed=None, at=None, by=safe(error.message))]
    proofs = []
    for each, found in open_named(store, release, named, history.authority.keys.key_at):
        name = safe(each.statement.name)
        if isinstance(found, Problem):
            proofs.append(Proof(name=name, passed=None, at=None, by=safe(found.sentence)))
            continue
        at = signed_at(found.predicate).isoformat(timespec="seconds")
        by = f"{found.key.role} key {short(found.key.keyid)}"
        proofs.append(Proof(name=name, passed=found.predicate.passed, at=at, by=by))
    return proofs
