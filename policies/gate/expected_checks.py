"""The list of checks that must run: written down, reviewed, and compared with what is there and what ran.

`python -m policies.gate.expected_checks` prints the list as this checkov and this folder would have it, for
`policies/checks.toml`; a person decides whether the difference is wanted.
"""

import fnmatch
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from checkov.common.checks_infra.registry import get_graph_checks_registry
from checkov.terraform.checks.provider.registry import provider_registry
from checkov.terraform.checks.resource.registry import resource_registry

from policies.gate import ROOM, across_stacks, release_contents
from policies.gate.allow_list import read_contents
from policies.gate.errors import NotJudgedError
from policies.gate.own_checks import OwnCheck, load_own_checks
from policies.gate.scan import Scan

PATH = ROOM / "checks.toml"
_RENEW = "If the change is wanted, renew policies/checks.toml (docs/policies.md); if not, undo it."


@dataclass(frozen=True)
class ExpectedChecks:
    """What `checks.toml` says.

    Attributes:
        checkov: The one version of checkov that the list is about.
        own: The ids of our policies.
        rules: The ids of our rules over whole stacks, which are no checks of checkov's form.
        python: checkov's own Python checks, by resource type (or `provider.aws`).
        graph: checkov's own checks over connected resources.
        undecided: `CHECK resource_type` that may stay UNKNOWN, each with the reason why nothing is missed.
    """

    checkov: str
    own: list[str]
    rules: list[str]
    python: dict[str, list[str]]
    graph: list[str]
    undecided: dict[str, str]


def read_expected() -> ExpectedChecks:
    """The written list."""
    try:
        return ExpectedChecks(**tomllib.loads(PATH.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as problem:
        raise NotJudgedError(f"policies/checks.toml is not usable: {problem}.", _RENEW) from problem


def installed_checkov() -> str:
    """The version of checkov that is installed, or `none`."""
    try:
        return version("checkov")
    except PackageNotFoundError:
        return "none"


def faults_of_setup(expected: ExpectedChecks, own: list[OwnCheck]) -> list[str]:
    """Where this installation differs from the list, before anything is scanned."""
    actual = _actual(own)
    faults = []
    if actual.checkov != expected.checkov:
        faults.append(f"checkov is {actual.checkov}, expected {expected.checkov}.")
    faults += _differences("our policies", expected.own, actual.own)
    faults += _differences("our rules over stacks", expected.rules, actual.rules)
    faults += _differences("checkov's graph checks", expected.graph, actual.graph)
    for kind in expected.python.keys() | actual.python.keys():
        faults += _differences(
            f"checkov's checks of {kind}", expected.python.get(kind, []), actual.python.get(kind, [])
        )
    return faults


def faults_of_run(expected: ExpectedChecks, own: list[OwnCheck], scan: Scan) -> list[str]:
    """Which expected checks did not run over a stack, and which unexpected ones did."""
    ran: dict[str, set[str]] = {}
    for verdict in scan.verdicts:
        ran.setdefault(verdict.address, set()).add(verdict.check)
    graph = set(expected.graph)
    wanted = {address: _wanted(expected, own, r.type) for address, r in scan.stack.resources.items()}
    wanted["provider.aws"] = {*expected.python["provider.aws"], *(c.id for c in own if not c.resources)}
    faults = []
    for address, checks in wanted.items():
        actual = sorted(ran.get(address, set()) - graph)
        faults += _differences(f"the checks run on {address}", sorted(checks), actual)
    everywhere = set().union(*ran.values())
    faults += [f"{check.id} had nothing to look at." for check in own if check.id not in everywhere]
    for verdict in scan.verdicts:
        ours = verdict.check in expected.own
        about = f"{verdict.check} {verdict.address.partition('.')[0]}"
        if verdict.result == "UNKNOWN" and not ours and about not in expected.undecided:
            faults.append(f"{verdict.check} could not decide about {verdict.address}.")
    return faults


def _wanted(expected: ExpectedChecks, own: list[OwnCheck], kind: str) -> set[str]:
    """The Python checks, checkov's and ours, that a resource of this type must go through."""
    ours = {
        check.id for check in own if any(fnmatch.fnmatchcase(kind, pattern) for pattern in check.resources)
    }
    return ours | set(expected.python.get(kind, []))


def _actual(own: list[OwnCheck]) -> ExpectedChecks:
    """The list as this installation would have it."""
    ours = {check.id for check in own}
    python = {
        kind: sorted({check.id for check in resource_registry.get_checks(kind)} - ours)
        for kind in read_contents().resource_types
    }
    python["provider.aws"] = sorted({check.id for check in provider_registry.get_checks("aws")} - ours)
    graph = get_graph_checks_registry("terraform")
    graph.load_checks()
    return ExpectedChecks(
        checkov=installed_checkov(),
        own=sorted(ours),
        rules=sorted(rule.id for rule in (*release_contents.RULES, *across_stacks.RULES)),
        python={kind: ids for kind, ids in python.items() if ids},
        graph=sorted(check.id for check in graph.checks if check.id.startswith(("CKV_AWS_", "CKV2_AWS_"))),
        undecided={},
    )


def _differences(what: str, expected: list[str], actual: list[str]) -> list[str]:
    missing = sorted(set(expected) - set(actual))
    additional = sorted(set(actual) - set(expected))
    faults = [f"Among {what}, {', '.join(missing)} is missing."] if missing else []
    return faults + ([f"Among {what}, {', '.join(additional)} is not expected."] if additional else [])


def main() -> int:
    """Print the list."""
    own, faults = load_own_checks()
    if faults:
        sys.stderr.write("\n".join(faults) + "\n")
        return 2
    actual = _actual(own)
    lines = [f'checkov = "{actual.checkov}"', f"own = {_toml(actual.own)}", f"rules = {_toml(actual.rules)}"]
    lines += [f"graph = {_toml(actual.graph)}"]
    lines += ["", "[python]", *(f'"{kind}" = {_toml(ids)}' for kind, ids in sorted(actual.python.items()))]
    lines += ["", "[undecided]"]
    lines += [f'"{about}" = "{reason}"' for about, reason in sorted(read_expected().undecided.items())]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _toml(items: list[str]) -> str:
    return "[\n" + "".join(f'  "{item}",\n' for item in items) + "]"


if __name__ == "__main__":
    sys.exit(main())
