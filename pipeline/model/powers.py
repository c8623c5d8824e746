"""Which key may say what: a builder's key approves nothing, an approver's key starts nothing."""

from collections.abc import Mapping

from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import Role

_MACHINE = frozenset({Role.LEDGER})
_PERSON = frozenset({Role.APPROVER, Role.WITNESS})

MAY_WRITE: Mapping[Kind, frozenset[Role]] = {
    Kind.GENESIS: _MACHINE,
    Kind.CANDIDATE: _MACHINE,
    Kind.EVIDENCE: _MACHINE,
    Kind.SHOWN: _MACHINE,
    Kind.START: _MACHINE,
    Kind.END: _MACHINE,
    Kind.DRIFT: _MACHINE,
    # Stopping is safe, so the pipeline may do it too; letting go on takes a person.
    Kind.HOLD: _MACHINE | _PERSON,
    Kind.FREEZE: _MACHINE | _PERSON,
    Kind.BREAK_LOCK: _MACHINE | _PERSON,
    Kind.UNHOLD: _PERSON,
    Kind.THAW: _PERSON,
    Kind.ACKNOWLEDGEMENT: _PERSON,
    Kind.APPROVAL: _PERSON,
    Kind.REJECTION: _PERSON,
    # What a forge witnessed is its word for a person. These open everything, so they take the person's own key.
    Kind.BREAK_GLASS: frozenset({Role.APPROVER}),
    Kind.SETTINGS: frozenset({Role.APPROVER}),
    Kind.REVOCATION: frozenset({Role.APPROVER}),
    Kind.CLOCK: frozenset({Role.APPROVER}),
}


def insist_on_power(entry: Entry) -> None:
    """Refuse an entry whose key may not say what it says, or says it in another person's name.

    Raises:
        LedgerError: It may not.
    """
    key = entry.key
    if key is None or key.role not in MAY_WRITE[entry.kind]:
        role = "nobody's key" if key is None else f"a {key.role} key"
        raise LedgerError(f"entry {entry.number} ({entry.kind}) is signed by {role}, which may not write one")
    if key.role is Role.APPROVER and entry.by != key.person:
        raise LedgerError(
            f"entry {entry.number} ({entry.kind}) is by {entry.by!r}, but {key.person!r} signed it"
        )
