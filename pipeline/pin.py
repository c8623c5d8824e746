"""Pin other settings: shown first, signed by approvers whom the settings before them name."""

from dataclasses import dataclass
from typing import Any

from pipeline.context import Context, with_fresh_ledger
from pipeline.model.authority import distinct_signers
from pipeline.model.errors import RefusedError
from pipeline.model.history import History
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.model.trust import PublicKey, Role, distinct
from pipeline.pinned import SETTINGS_FILE
from pipeline.settings import SettingsError, load_environments, load_project
from pipeline.settings.bundle import Bundle
from pipeline.waiting import approver_of, reason_given


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings that somebody signed.

    Attributes:
        settings: Their digest.
        people: Who signed them.
        missing: How many more must; 0 where they count.
    """

    settings: str
    people: tuple[str, ...]
    missing: int


def proposals(history: History) -> tuple[Proposal, ...]:
    """Return the settings that too few have signed yet, in the order in which they were first signed."""
    authority = history.authority
    return tuple(_proposal(signed, authority.quorum) for signed in authority.proposed.values())


def pin(context: Context, reason: str) -> Proposal:
    """Sign the settings of this checkout; they count once as many approvers have as the pinned ones ask for.

    Raises:
        RefusedError: They count already, the caller's key is no approver's or has signed them, or they would
            leave nobody who could change them again.
        SettingsError: They say something they may not say.
        UsageError: No reason is given.
    """
    why = reason_given(reason)
    bundle = Bundle.read(context.project.root)
    return with_fresh_ledger(lambda: _sign(context, bundle, why))


def _sign(context: Context, bundle: Bundle, reason: str) -> Proposal:
    history = context.history()
    if history.newest is None:
        message = "nothing is pinned yet, so the settings of this checkout count as they are"
        raise RefusedError(message, "the first `nox -s promote` pins them")
    person = approver_of(context, history)
    body = _checked(context, bundle)
    _refuse_revoked(context, body)
    pinned_by = history.authority.pinned_by
    if pinned_by is not None and all(pinned_by.body[name] == value for name, value in body.items()):
        message = f"the settings of this checkout, {short(bundle.digest)}, count already"
        raise RefusedError(message, "edit them first, or see with `nox -s settings` what counts")
    for signed in history.authority.proposed.values():
        proposed = signed[0].body
        is_same = all(proposed[name] == value for name, value in body.items())
        if is_same and person in {entry.by for entry in signed}:
            missing = _proposal(signed, history.authority.quorum).missing
            message = f"{person} has signed the settings {short(bundle.digest)} already"
            raise RefusedError(message, f"{missing} more must: another approver runs the same command")
    documents = {SETTINGS_FILE: bundle.document}
    entry = context.record(Kind.SETTINGS, {**body, "reason": reason}, history.head, documents)
    after = history.authority.after(entry)
    if after.pinned_by is entry:
        return Proposal(bundle.digest, (person,), 0)
    (signed,) = (signed for signed in after.proposed.values() if entry in signed)
    return _proposal(signed, after.quorum)


def _checked(context: Context, bundle: Bundle) -> dict[str, Any]:
    """Return what an entry says of these settings, once they are seen to be some that can be lived with."""
    # Read from the bundle, not from the checkout: what is checked is what is signed.
    folder = bundle.unpack(context.home.folder("settings"))
    project = load_project(folder, sources=context.project.root, bundle=bundle)
    environments = load_environments(folder / "environments")
    target = context.target.name
    for environment in environments:
        if target not in environment.accounts:
            message = f"environments/{environment.name}.toml names no {target} account"
            raise SettingsError(message, f"add accounts.{target}: with these settings nothing could run here")
    return _insisting_on_enough(context.pin(bundle, project, environments))


def _insisting_on_enough(body: dict[str, Any]) -> dict[str, Any]:
    """Refuse settings that ask for more approvers than they name: nobody could ever change them again."""
    named = distinct(PublicKey.from_json(key) for key in body["keys"])
    approvers = [key for key in named if key.role is Role.APPROVER]
    if len(approvers) < body["quorum"]:
        message = f"these settings ask for {body['quorum']} approvers and name {len(approvers)}"
        raise RefusedError(message, "name more [[approvers]] in tollgate.toml, or ask for fewer approvals")
    return body


def _refuse_revoked(context: Context, body: dict[str, Any]) -> None:
    """Refuse settings that name a key which was taken back: they would make it count again, unseen."""
    revoked = {entry.body["key"] for entry in context.ledger.entries() if entry.kind is Kind.REVOCATION}
    for key in body["keys"]:
        if key["keyid"] in revoked:
            owner = f"{key['role']} key {key['keyid'][:12]}" + (
                f" of {key['person']}" if key["person"] else ""
            )
            message = f"these settings name the {owner}, which was revoked"
            raise RefusedError(message, "name another key in its place; a revoked one counts nowhere again")


def _proposal(signed: tuple[Entry, ...], quorum: int) -> Proposal:
    people = tuple(dict.fromkeys(entry.by for entry in signed))
    return Proposal(str(signed[0].body["settings"]), people, max(quorum - distinct_signers(signed), 0))
