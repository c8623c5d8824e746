"""The project's own settings: `tollgate.toml` at its root."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.settings.reading import exactly, load, table, words, wrong

PROJECT_FILE = "tollgate.toml"


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


def load_project(root: Path) -> Project:
    """Read the project's `tollgate.toml`.

    Raises:
        SettingsError: It is missing or says something it may not say.
    """
    found = load(root / PROJECT_FILE)
    exactly(found, _KEYS, PROJECT_FILE)
    for key, pattern, wanted in (
        ("name", r"[a-z][a-z0-9-]*", "a word of lower-case letters, digits and hyphens"),
        ("package-python", r"3\.[0-9]+", "a version such as 3.13"),
    ):
        if not re.fullmatch(pattern, found[key]):
            wrong(PROJECT_FILE, key, found[key], wanted)
    return Project(
        root=root,
        name=found["name"],
        synth=words(found, "synth", PROJECT_FILE),
        bootstrap=words(found, "bootstrap", PROJECT_FILE),
        package_source=root / found["package-source"],
        package_requirements=root / found["package-requirements"],
        package_python=found["package-python"],
        provider_lock=root / found["provider-lock"],
        smoke_checks=root / found["smoke-checks"],
        checks=tuple(_check(name, check) for name, check in found["checks"].items()),
    )


def _check(name: str, check: Any) -> Check:
    where = f"{PROJECT_FILE}, [checks.{name}]"
    exactly(table(check, where), {"command": list, "inputs": list}, where)
    return Check(name, words(check, "command", where), words(check, "inputs", where))
