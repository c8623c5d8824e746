"""Settings, read strictly: the project's own (pyproject.toml) and each environment's (environments/*.toml)."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.model.environment import MAX_SUFFIX_LENGTH, Environment
from pipeline.model.errors import TollgateError, UsageError


class SettingsError(TollgateError):
    """A settings file is missing, unreadable or says something it may not say."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a release: a program judged by its exit status.

    Attributes:
        name: `unit`, `policies`, …
        command: Its argument list, with placeholders.
        inputs: Files and folders that its verdict rests on beside the release.
    """

    name: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """What is particular to this project, as data.

    Attributes:
        root: Where the project's files are.
        name: The first word of every stack's name.
        synth: The program that writes the stacks; `{out}` is where to.
        bootstrap: The program that writes the stacks of the accounts themselves.
        package_source: Folder of the Lambda's own code.
        package_requirements: Hashed requirement file of its dependencies.
        package_python: Python version of the Lambda runtime.
        provider_lock: Terraform's dependency lock file.
        smoke_checks: The smoke checks, as data.
        checks: What is asked of every release before it is promoted.
    """

    root: Path
    name: str
    synth: tuple[str, ...]
    bootstrap: tuple[str, ...]
    package_source: Path
    package_requirements: Path
    package_python: str
    provider_lock: Path
    smoke_checks: Path
    checks: tuple[Check, ...]


def load_project(root: Path) -> Project:
    """Read `[tool.tollgate]` of the project's pyproject.toml.

    Raises:
        SettingsError: It is missing or not whole.
    """
    path = root / "pyproject.toml"
    where = f"{path.name}, [tool.tollgate]"
    table = _table(_table(_load(path).get("tool"), where).get("tollgate"), where)
    keys: dict[str, type] = {
        "name": str,
        "synth": list,
        "bootstrap": list,
        "package-source": str,
        "package-requirements": str,
        "package-python": str,
        "provider-lock": str,
        "smoke-checks": str,
        "checks": dict,
    }
    _exactly(table, keys, where)
    _words(table, "synth", where)
    _words(table, "bootstrap", where)
    for key, pattern, wanted in (
        ("name", r"[a-z][a-z0-9-]*", "a word of lower-case letters, digits and hyphens"),
        ("package-python", r"3\.[0-9]+", "a version such as 3.13"),
    ):
        if not re.fullmatch(pattern, table[key]):
            _wrong(where, key, table[key], wanted)
    checks = []
    for name, check in table["checks"].items():
        where = f"{path.name}, [tool.tollgate.checks.{name}]"
        _exactly(_table(check, where), {"command": list, "inputs": list}, where)
        _words(check, "command", where)
        _words(check, "inputs", where)
        checks.append(Check(name, tuple(check["command"]), tuple(check["inputs"])))
    return Project(
        root=root,
        name=table["name"],
        synth=tuple(table["synth"]),
        bootstrap=tuple(table["bootstrap"]),
        package_source=root / table["package-source"],
        package_requirements=root / table["package-requirements"],
        package_python=table["package-python"],
        provider_lock=root / table["provider-lock"],
        smoke_checks=root / table["smoke-checks"],
        checks=tuple(checks),
    )


class Environments:
    """The environments of a project, in their order."""

    def __init__(self, environments: tuple[Environment, ...]) -> None:
        self._environments = tuple(sorted(environments, key=lambda environment: environment.order))

    def __iter__(self) -> Any:
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
_OPTIONAL = {"accepts": list}
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
    table = _load(path)
    _exactly(table, _KEYS | {key: kind for key, kind in _OPTIONAL.items() if key in table}, where)
    for target, account in table["accounts"].items():
        if not isinstance(account, str) or not re.fullmatch(r"[0-9]{12}", account):
            _wrong(where, f"accounts.{target}", account, "a string of 12 digits")
    for key, allowed in (("tolerates", _TOLERANCES), ("smoke", _SMOKE_MODES)):
        if table[key] not in allowed:
            _wrong(where, key, table[key], f"one of {', '.join(allowed)}")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", table["region"]):
        _wrong(where, "region", table["region"], "an AWS region such as ap-northeast-2")
    for key, lowest in (("order", 1), ("approvals", 0), ("approval-hours", 1), ("settle-seconds", 0)):
        if table[key] < lowest:
            _wrong(where, key, table[key], f"{lowest} or more")
    return Environment(
        name=path.stem,
        order=table["order"],
        region=table["region"],
        accounts=dict(table["accounts"]),
        approvals=table["approvals"],
        approval_hours=table["approval-hours"],
        tolerates=table["tolerates"],
        allows_dirty=table["allows-dirty"],
        previews=table["previews"],
        smoke=table["smoke"],
        settle_seconds=table["settle-seconds"],
        accepts=_accepted(table.get("accepts", []), where),
    )


def _accepted(tables: list[Any], where: str) -> frozenset[str]:
    """Return the ids of the findings that the environment's settings accept, each with a reason beside it."""
    for table in tables:
        _exactly(
            _table(table, f"{where}, [[accepts]]"), {"finding": str, "reason": str}, f"{where}, [[accepts]]"
        )
        if not table["reason"].strip():
            _wrong(where, f"the reason for accepting {table['finding']}", table["reason"], "a sentence")
    return frozenset(table["finding"] for table in tables)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path} is missing"
        raise SettingsError(message, "run this in a whole checkout") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not valid TOML: {error}"
        raise SettingsError(message, f"mend {path}") from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise SettingsError(message, "check its permissions") from error


_IN_WORDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = f"{where} is missing or no table"
        raise SettingsError(message, "compare it with the file in the repository")
    return value


def _exactly(table: Mapping[str, Any], keys: Mapping[str, type], where: str) -> None:
    for key in table:
        if key not in keys:
            message = f"{where} has the unknown key {key!r}; known are {', '.join(sorted(keys))}"
            raise SettingsError(message, "a misspelt setting must not be silently without effect: mend it")
    for key, kind in keys.items():
        if key not in table:
            message = f"{where} has no {key!r}"
            raise SettingsError(message, f"add it; it is {_IN_WORDS[kind]}")
        if not isinstance(table[key], kind) or (kind is int and isinstance(table[key], bool)):
            _wrong(where, key, table[key], _IN_WORDS[kind])


def _words(table: Mapping[str, Any], key: str, where: str) -> None:
    if not table[key] or not all(isinstance(word, str) for word in table[key]):
        _wrong(where, key, table[key], "a list of words, at least one")


def _wrong(where: str, key: str, value: object, wanted: str) -> None:
    message = f"{where} says {key} = {value!r}; it must be {wanted}"
    raise SettingsError(message, f"mend {where}")
