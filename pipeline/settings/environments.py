"""The settings of each environment: `environments/NAME.toml`."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.model.environment import MAX_SUFFIX_LENGTH, Accepted, Environment
from pipeline.model.errors import UsageError
from pipeline.model.safety.finding import Kind
from pipeline.model.safety.rules import RULES
from pipeline.settings.freezes import read_freezes
from pipeline.settings.reading import SettingsError, exactly, load, table, wrong


class Environments:
    """The environments of a project, in their order."""

    def __init__(self, environments: tuple[Environment, ...]) -> None:
        self._environments = tuple(sorted(environments, key=lambda environment: environment.order))

    def __iter__(self) -> Iterator[Environment]:
        return iter(self._environments)

    def __len__(self) -> int:
        return len(self._environments)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(environment.name for environment in self._environments)

    def named(self, name: str) -> Environment:
        """Return the environment called `name`.

        Raises:
            UsageError: There is none; the message says which there are.
        """
        for environment in self._environments:
            if environment.name == name:
                return environment
        message = f"there is no environment {name!r}; there are {', '.join(self.names)}"
        raise UsageError(message, "check the spelling, or add environments/NAME.toml")

    def before(self, environment: Environment) -> Environment | None:
        """Return the environment that must have proven a release first, None for the first one."""
        position = self.names.index(environment.name)
        return self._environments[position - 1] if position else None

    def up_to(self, name: str | None) -> tuple[Environment, ...]:
        """Return the environments on the way to `name`, which included; all of them without a name."""
        last = len(self._environments) if name is None else self.names.index(self.named(name).name) + 1
        return self._environments[:last]

    @property
    def with_previews(self) -> Environment:
        """The one environment where instances with another suffix may live.

        Raises:
            UsageError: There is none, or there are several to choose from.
        """
        found = [environment for environment in self._environments if environment.previews]
        if len(found) == 1:
            return found[0]
        names = ", ".join(environment.name for environment in found) or "no environment has previews"
        message = f"a suffix needs the environment it is for: {names}"
        raise UsageError(message, "for example `--to dev --suffix pr-42`")


_KEYS: dict[str, type] = {
    "order": int,
    "region": str,
    "accounts": dict,
    "approvals": int,
    "approval-hours": int,
    "tolerates": str,
    "allows-dirty": bool,
    "previews": bool,
    "smoke": str,
    "settle-seconds": int,
}
_OPTIONAL: dict[str, type] = {
    "accepts": list,
    "soak-minutes": int,
    "evidence-days": int,
    "offer-hours": int,
    "preview-hours": int,
    "freezes": list,
}
_LOWEST = {
    "order": 1,
    "approvals": 0,
    "approval-hours": 1,
    "settle-seconds": 0,
    "soak-minutes": 0,
    "evidence-days": 1,
    "offer-hours": 1,
    "preview-hours": 1,
}
_TOLERANCES = ("all-but-data-loss", "no-widening", "nothing")
_SMOKE_MODES = ("full", "read-only")


def load_environments(folder: Path) -> Environments:
    """Read every `NAME.toml` below `folder`.

    Raises:
        SettingsError: A file is missing, unreadable, or says something it may not say.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        message = f"{folder} holds no environment, which is a file such as dev.toml"
        raise SettingsError(message, "run this in a whole checkout")
    environments = [_environment(path) for path in paths]
    for attribute in ("order", "name"):
        values = [getattr(environment, attribute) for environment in environments]
        if len(set(values)) != len(values):
            message = f"two environments below {folder.name}/ have the same {attribute}"
            raise SettingsError(message, f"give each its own {attribute}")
    for target in {target for environment in environments for target in environment.accounts}:
        accounts = [environment.accounts.get(target) for environment in environments]
        known = [account for account in accounts if account is not None]
        if len(set(known)) != len(known):
            message = f"two environments share one {target} account; each needs its own"
            raise SettingsError(message, f"give each environment another `accounts.{target}`")
    return Environments(tuple(environments))


def _environment(path: Path) -> Environment:
    where = f"{path.parent.name}/{path.name}"
    if len(path.stem) > MAX_SUFFIX_LENGTH or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", path.stem):
        message = f"{where}: {path.stem!r} is no name for an environment, which is part of AWS names"
        hint = f"rename the file: 1 to {MAX_SUFFIX_LENGTH} lower-case letters, digits and single hyphens"
        raise SettingsError(message, hint)
    found = load(path)
    exactly(found, _KEYS, where, _OPTIONAL)
    for target, account in found["accounts"].items():
        if not isinstance(account, str) or not re.fullmatch(r"[0-9]{12}", account):
            wrong(where, f"accounts.{target}", account, "a string of 12 digits")
    for key, allowed in (("tolerates", _TOLERANCES), ("smoke", _SMOKE_MODES)):
        if found[key] not in allowed:
            wrong(where, key, found[key], f"one of {', '.join(allowed)}")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", found["region"]):
        wrong(where, "region", found["region"], "an AWS region such as ap-northeast-2")
    for key, lowest in _LOWEST.items():
        if key in found and found[key] < lowest:
            wrong(where, key, found[key], f"{lowest} or more")
    return Environment(
        name=path.stem,
        order=found["order"],
        region=found["region"],
        accounts=dict(found["accounts"]),
        approvals=found["approvals"],
        approval_hours=found["approval-hours"],
        tolerates=found["tolerates"],
        allows_dirty=found["allows-dirty"],
        previews=found["previews"],
        smoke=found["smoke"],
        settle_seconds=found["settle-seconds"],
        accepts=_accepted(found.get("accepts", []), where),
        soak_minutes=found.get("soak-minutes", 0),
        evidence_days=found.get("evidence-days", 30),
        offer_hours=found.get("offer-hours", 72),
        preview_hours=found.get("preview-hours", 72),
        freezes=read_freezes(found.get("freezes", []), where),
    )


def _accepted(tables: list[Any], where: str) -> tuple[Accepted, ...]:
    """Return the findings that the environment's settings accept, each with a reason beside it."""
    place = f"{where}, [[accepts]]"
    for accepted in tables:
        exactly(table(accepted, place), {"finding": str, "reason": str}, place, {"expires": date})
        if not accepted["reason"].strip():
            wrong(where, f"the reason for accepting {accepted['finding']}", accepted["reason"], "a sentence")
        if isinstance(accepted.get("expires"), datetime):
            wrong(where, "expires", accepted["expires"], "a day such as 2027-05-21")
        _refuse_finding(accepted["finding"], where)
    return tuple(Accepted(accepted["finding"], accepted.get("expires")) for accepted in tables)


def _refuse_finding(finding: str, where: str) -> None:
    """Refuse what is no id of a finding, or of one that an approval must name each time."""
    rule, _, digest = finding.rpartition(":")
    if rule not in RULES or not re.fullmatch(r"[0-9a-f]{12}", digest):
        wrong(
            where,
            "finding",
            finding,
            "the id of a finding as a change set shows it, access/grant:0123456789ab",
        )
    if RULES[rule] is Kind.DATA_LOSS:
        message = f"{where} accepts {finding}, and what loses data is never accepted beforehand"
        raise SettingsError(message, "leave it out; whoever approves the change set names it")
