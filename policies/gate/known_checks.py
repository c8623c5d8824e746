"""Everything a finding or a waiver can name: our policies, checkov's checks, the rules over whole stacks."""

import hashlib
from dataclasses import dataclass

from checkov.common.checks_infra.registry import get_graph_checks_registry
from checkov.terraform.checks.provider.registry import provider_registry
from checkov.terraform.checks.resource.registry import resource_registry

from policies.gate import ROOM
from policies.gate.expected_checks import installed_checkov
from policies.gate.finding import Rule
from policies.gate.own_checks import OwnCheck


@dataclass(frozen=True)
class KnownCheck:
    """A check as reports name it.

    Attributes:
        id: Its id.
        title: The wanted outcome.
        source: Whose it is: `tollgate` or `checkov`.
        version: Of checkov's, its release; of ours, a SHA-256 over the name and content of its file.
        fix: What to do about a finding.
        risk: What a finding may lead to; empty where nobody wrote it down.
        waivable: Whether a waiver may accept a finding.
    """

    id: str
    title: str
    source: str
    version: str
    fix: str
    risk: str = ""
    waivable: bool = True


def known_checks(own: list[OwnCheck], rules: tuple[Rule, ...]) -> dict[str, KnownCheck]:
    """Every check by id."""
    checkov = "checkov " + installed_checkov()
    loaded = [
        *(check for registry in (resource_registry, provider_registry) for _, check in registry.all_checks()),
        *get_graph_checks_registry("terraform").checks,
    ]
    known = {
        check.id: KnownCheck(
            check.id, check.name, "checkov", checkov, check.guideline or f"See {check.id} in checkov's index."
        )
        for check in loaded
    }
    known |= {c.id: KnownCheck(c.id, c.title, "tollgate", _digest(c.path.name), c.fix, c.risk) for c in own}
    return known | {
        rule.id: KnownCheck(
            rule.id, rule.title, "tollgate", _rules_digest(), rule.fix, rule.risk, rule.waivable
        )
        for rule in rules
    }


def room_digest() -> str:
    """SHA-256 over every file that has a say in the verdict, by name and content."""
    names = sorted(
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*")
        if path.suffix in {".json", ".py", ".toml"}
    )
    return _digest(*names)


def _digest(*names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        content = (ROOM / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return "sha256:" + digest.hexdigest()


def _rules_digest() -> str:
    code = ("gate/release_contents.py", "gate/listed_arguments.py", "gate/across_stacks.py")
    return _digest(*code, "release_contents.toml", "arguments.toml", "mirror.toml")
