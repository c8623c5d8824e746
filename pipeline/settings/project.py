"""The project's own settings: `tollgate.toml` at its root."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.model.trust import PublicKey, Role
from pipeline.settings.bundle import Bundle
from pipeline.settings.people import Approver, read_approvers, read_keys, read_signers, refuse_shared_keys
from pipeline.settings.reading import SettingsError, exactly, load, table, words, wrong

PROJECT_FILE = "tollgate.toml"


@dataclass(frozen=True, slots=True)
class Listed:
    """Lists of ids in a TOML file of the settings.

    Attributes:
        file: Its path below the settings.
        lists: The keys of its lists.
    """

    file: str
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a release: a program judged by its exit status.

    Attributes:
        name: `unit`, `policies`, …
        command: Its argument list, with placeholders.
        inputs: Files and folders that its verdict rests on beside the release.
        settings: Whether it runs from the pinned settings instead of the checkout that is judged.
        tests: Where the settings list what it must have looked at; None where nobody says.
    """

    name: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    settings: bool = False
    tests: Listed | None = None


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
        provider_lock: Terraform's dependency lock file: the pinned one where the settings hold it.
        smoke_checks: The smoke checks, as data.
        checks: What is asked of every release before it is promoted.
        approvers: Who may say yes; empty where only keys made on first use count.
        keys: The machines' keys.
        signers: Where each role's private key is; a role that is missing has one on this machine.
        ledger_remote: The git address or folder that the ledger is pushed to; None where it stays here.
        keep_releases: How many of an environment's last deployed releases are never pruned.
        bundle: The settings' files, as they are pinned; None where those below `root` count as they lie there.
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
    approvers: tuple[Approver, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    signers: Mapping[Role, str] = field(default_factory=dict)
    ledger_remote: str | None = None
    keep_releases: int = 10
    bundle: Bundle | None = None


_KEYS: dict[str, type] = {
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
_OPTIONAL: dict[str, type] = {
    "approvers": list,
    "keys": list,
    "signers": dict,
    "ledger-remote": str,
    "keep-releases": int,
}


def load_project(folder: Path, sources: Path | None = None, bundle: Bundle | None = None) -> Project:
    """Read the project's `tollgate.toml`.

    Args:
        folder: Where the settings are.
        sources: Where the files are that they speak of. Default: in the same folder.
        bundle: All settings, for the checks that run from them. Default: those run from `sources` like the others.

    Raises:
        SettingsError: It is missing or says something it may not say.
    """
    root = folder if sources is None else sources
    found = load(folder / PROJECT_FILE)
    exactly(found, _KEYS, PROJECT_FILE, _OPTIONAL)
    for key, pattern, wanted in (
        ("name", r"[a-z][a-z0-9-]*", "a word of lower-case letters, digits and hyphens"),
        ("package-python", r"3\.[0-9]+", "a version such as 3.13"),
    ):
        if not re.fullmatch(pattern, found[key]):
            wrong(PROJECT_FILE, key, found[key], wanted)
    if found.get("keep-releases", 1) < 1:
        wrong(PROJECT_FILE, "keep-releases", found["keep-releases"], "1 or more")
    approvers = read_approvers(found.get("approvers", []), PROJECT_FILE)
    keys = read_keys(found.get("keys", []), PROJECT_FILE)
    refuse_shared_keys(approvers, keys, PROJECT_FILE)
    return Project(
        root=root,
        name=found["name"],
        synth=words(found, "synth", PROJECT_FILE),
        bootstrap=words(found, "bootstrap", PROJECT_FILE),
        package_source=root / found["package-source"],
        package_requirements=root / found["package-requirements"],
        package_python=found["package-python"],
        provider_lock=_pinned(folder, root, found["provider-lock"]),
        smoke_checks=root / found["smoke-checks"],
        checks=tuple(_check(name, check) for name, check in found["checks"].items()),
        approvers=approvers,
        keys=keys,
        signers=read_signers(found.get("signers", {}), PROJECT_FILE),
        ledger_remote=_remote(found.get("ledger-remote")),
        keep_releases=found.get("keep-releases", 10),
        bundle=bundle,
    )


def _pinned(folder: Path, root: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else root / name


def _check(name: str, check: Any) -> Check:
    where = f"{PROJECT_FILE}, [checks.{name}]"
    exactly(table(check, where), {"command": list, "inputs": list}, where, {"settings": bool, "tests": dict})
    return Check(
        name,
        words(check, "command", where),
        words(check, "inputs", where),
        check.get("settings", False),
        _listed(check, where),
    )


def _listed(check: dict[str, Any], where: str) -> Listed | None:
    if "tests" not in check:
        return None
    if not check.get("settings", False):
        message = f"{where} names `tests`, which counts only for a check with `settings = true`"
        raise SettingsError(message, "what a commit says of itself is no measure: add `settings = true`")
    exactly(check["tests"], {"file": str, "lists": list}, f"{where}, tests")
    return Listed(check["tests"]["file"], words(check["tests"], "lists", f"{where}, tests"))


def _remote(address: str | None) -> str | None:
    if address is None:
        return None
    if not address or address.startswith("-") or "::" in address or address != "".join(address.split()):
        wrong(PROJECT_FILE, "ledger-remote", address, "the address of a git repository or a folder")
    if re.search(r"//[^/@]*:[^/@]*@", address):
        # The value is not repeated: what is refused here is that a password stands in a file.
        message = f"{PROJECT_FILE} holds a password in `ledger-remote`"
        raise SettingsError(message, "change that password, and let git's credential helper know the new one")
    return address
