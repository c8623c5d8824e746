"""Import our policies one by one, and prove that checkov took each of them."""

import importlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from checkov.common.checks.base_check_registry import BaseCheckRegistry

from policies.gate import ROOM
from policies.gate.policy import Policy, ProviderPolicy, documentation


@dataclass(frozen=True)
class OwnCheck:
    """One of our policies, loaded."""

    id: str
    title: str
    risk: str
    fix: str
    path: Path
    resources: tuple[str, ...]


def load_own_checks() -> tuple[list[OwnCheck], list[str]]:
    """Every policy file, loaded, and every reason why one of them does not count."""
    loaded: list[OwnCheck] = []
    faults: list[str] = []
    for path in sorted(ROOM.glob("pay_*.py")):
        try:
            check = importlib.import_module(f"policies.{path.stem}").check
        except Exception as problem:  # noqa: BLE001  # whatever a broken policy raises must be reported, not hidden
            faults.append(f"{path.name} does not load: {type(problem).__name__}: {problem}.")
            continue
        if not isinstance(check, Policy | ProviderPolicy) or type(check).__name__ != class_name(path.stem):
            faults.append(f"{path.name} must end with `check = {class_name(path.stem)}()`.")
            continue
        resources = check.resources if isinstance(check, Policy) else ()
        loaded.append(OwnCheck(check.policy, path=path, resources=resources, **documentation(type(check))))
    return loaded, faults + _not_registered_once(loaded)


def class_name(stem: str) -> str:
    """`pay_s3_versioning` defines `PayS3Versioning`."""
    return "".join(word.capitalize() for word in stem.split("_"))


def _not_registered_once(loaded: list[OwnCheck]) -> list[str]:
    """Two checks with one id: checkov would run the first and say nothing of the second."""
    registered = Counter(check.id for check in BaseCheckRegistry.get_all_registered_checks())
    return [
        f"The id {check.id} of {check.path.name} is registered {registered[check.id]} times, expected once."
        for check in loaded
        if registered[check.id] != 1
    ]
