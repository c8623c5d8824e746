"""Who may say yes, and with which keys: `[[approvers]]`, `[[keys]]` and `[signers]` of the project's settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.model.errors import RefusedError
from pipeline.model.makers import account_at_github
from pipeline.model.trust import PublicKey, Role, same_key
from pipeline.settings.reading import SettingsError, exactly, table, words, wrong

_MACHINES = (Role.BUILDER, Role.CHECKER, Role.LEDGER, Role.WITNESS)


@dataclass(frozen=True, slots=True)
class Approver:
    """A person whose yes counts.

    Attributes:
        name: The name by which approvals are counted.
        emails: The addresses of the person's commits.
        github: The account's number at GitHub, which stays when the account is renamed; None where it has none.
        key: The person's own key.
    """

    name: str
    emails: tuple[str, ...]
    github: int | None
    key: PublicKey

    @property
    def identities(self) -> frozenset[str]:
        """The addresses and the account by which commits and pushes may know the person."""
        account = () if self.github is None else (account_at_github(self.github),)
        return frozenset((*self.emails, *account))


def read_approvers(found: list[Any], where: str) -> tuple[Approver, ...]:
    """Return the approvers of `[[approvers]]`.

    Raises:
        SettingsError: One is not whole, or two could be one person.
    """
    where = f"{where}, [[approvers]]"
    approvers = tuple(_approver(table(approver, where), where) for approver in found)
    _refuse_twice(((approver.name, (approver.name,)) for approver in approvers), "the name", where)
    _refuse_twice(((approver.name, approver.emails) for approver in approvers), "the address", where)
    accounts = ((each.name, [str(each.github)] if each.github else []) for each in approvers)
    _refuse_twice(accounts, "the GitHub account", where)
    return approvers


def read_keys(found: list[Any], where: str) -> tuple[PublicKey, ...]:
    """Return the machines' keys of `[[keys]]`.

    Raises:
        SettingsError: One is not whole, or is a person's.
    """
    where = f"{where}, [[keys]]"
    keys = []
    for each in found:
        exactly(table(each, where), {"role": str, "scheme": str, "public": str}, where)
        if each["role"] not in _MACHINES:
            wrong(where, "role", each["role"], f"one of {', '.join(_MACHINES)}")
        keys.append(_key(each, Role(each["role"]), None, where))
    return tuple(keys)


def read_signers(found: Mapping[str, Any], where: str) -> Mapping[Role, str]:
    """Return the addresses of `[signers]`: where a role's private key is, if not on this machine.

    Raises:
        SettingsError: A role is unknown, or is one that each person has a key of their own for.
    """
    where = f"{where}, [signers]"
    exactly(found, {}, where, dict.fromkeys(_MACHINES, str))
    for role, uri in found.items():
        scheme, colon, name = uri.partition(":")
        if not (scheme and colon and name) or uri != "".join(uri.split()):
            wrong(where, role, uri, "the address of a key, such as awskms:alias/tollgate-ledger")
    return {Role(role): uri for role, uri in found.items()}


def refuse_shared_keys(approvers: Iterable[Approver], keys: Iterable[PublicKey], where: str) -> None:
    """Refuse a key that has two roles or two owners.

    Raises:
        SettingsError: It names both.
    """
    seen: list[tuple[str, PublicKey]] = []
    for owner, key in (
        *((approver.name, approver.key) for approver in approvers),
        *((f"the {key.role}", key) for key in keys),
    ):
        for other, known in seen:
            if same_key(known, key):
                message = f"{where}: {other} and {owner} have the same key"
                raise SettingsError(message, "one key has one owner and one power: make another one")
        seen.append((owner, key))


def _approver(found: dict[str, Any], where: str) -> Approver:
    exactly(found, {"name": str, "emails": list, "key": dict}, where, {"github": int})
    emails = words(found, "emails", where)
    for email in emails:
        if email.count("@") != 1 or email != "".join(email.split()):
            wrong(where, "emails", list(emails), "a list of addresses such as ada@example.com")
    if found.get("github", 1) < 1:
        wrong(where, "github", found["github"], "the number of an account")
    where = f"{where} {found['name']}"
    exactly(found["key"], {"scheme": str, "public": str}, f"{where}, key")
    key = _key(found["key"], Role.APPROVER, found["name"], where)
    return Approver(found["name"], emails, found.get("github"), key)


def _key(found: Mapping[str, str], role: Role, person: str | None, where: str) -> PublicKey:
    try:
        return PublicKey.of(role, found["scheme"], found["public"], person)
    except RefusedError as error:
        raise SettingsError(f"{where}: {error.message}", f"mend {where}") from None


def _refuse_twice(owned: Iterable[tuple[str, Iterable[str]]], what: str, where: str) -> None:
    """Refuse what two people have, in whatever spelling; a quorum would count one person twice."""
    seen: dict[str, str] = {}
    for owner, values in owned:
        for value in {value.casefold() for value in values}:
            if value in seen:
                message = f"{where}: {seen[value]} and {owner} have {what} {value}"
                raise SettingsError(
                    message, "each approver is one person: name each once, with all addresses"
                )
            seen[value] = owner
