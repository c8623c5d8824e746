"""From a directory to a judgement: the whole gate, top to bottom."""

import dataclasses
import datetime as dt
import platform
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from policies.gate import across_stacks, release_contents
from policies.gate.allow_list import read_contents
from policies.gate.canary import faults_of_canary
from policies.gate.environments import read_environments
from policies.gate.expected_checks import (
    faults_of_run,
    faults_of_setup,
    installed_checkov,
    read_expected,
)
from policies.gate.find_stacks import find_stacks, stack_name
from policies.gate.finding import Finding
from policies.gate.known_checks import KnownCheck, known_checks, room_digest
from policies.gate.own_checks import load_own_checks
from policies.gate.scan import Scan, scan_stack
from policies.gate.stack import Stack
from policies.gate.waivers import Waived, apply_waivers, read_waivers

CLEAN, REFUSED, NOT_JUDGED = "clean", "refused", "not judged"
RULES = (*release_contents.RULES, *across_stacks.RULES)


@dataclass(frozen=True)
class JudgedStack:
    """What was done with one stack."""

    stack: Stack
    ran: Counter[tuple[str, str]]


@dataclass
class Judgement:
    """The verdict and everything it rests on.

    Attributes:
        is_release: Whether a whole release was judged, or only some stacks.
        stacks: The stacks, each with how often each check gave each result.
        checks: Every check that ran or had to, by id.
        waived: Findings, split by the waivers.
        faults: Why no verdict was reached.
        versions: checkov, Python, and the SHA-256 over our policies with all their data.
    """

    is_release: bool
    stacks: list[JudgedStack]
    checks: dict[str, KnownCheck]
    waived: Waived
    faults: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`not judged` outweighs `refused` outweighs `clean`."""
        if self.faults:
            return NOT_JUDGED
        return REFUSED if self.waived.open or self.waived.problems else CLEAN


def judge(directory: Path, today: dt.date) -> Judgement:
    """Judge every stack in a directory.

    Args:
        directory: Where the synthesized stacks are.
        today: The day waivers are measured against.

    Raises:
        NotJudgedError: If there is nothing to judge, or nothing to judge it by.
    """
    expected = read_expected()
    contents = read_contents()
    waivers = read_waivers()
    environments = list(read_environments())
    found = find_stacks(directory, environments)
    own, faults = load_own_checks()
    faults += faults_of_setup(expected, own)
    faults += faults_of_canary(expected, own)
    checks = known_checks(own, RULES)

    findings: list[Finding] = []
    judged = []
    for stack in found.stacks:
        scan = scan_stack(stack)
        judged.append(JudgedStack(stack, Counter((v.check, v.result) for v in scan.verdicts)))
        faults += [f"{stack.name}: {fault}" for fault in scan.faults + faults_of_run(expected, own, scan)]
        findings += _findings(scan, checks)
        findings += [_placed(f, scan) for f in release_contents.judge_contents(stack, contents)]
    if found.is_release:
        findings += across_stacks.judge_across(found.stacks)

    # checkov's graph checks answer from threads, in any order.
    findings.sort(key=lambda f: (f.stack, f.construct, f.address, f.policy, f.reason))
    waivable = {check.id for check in checks.values() if check.waivable}
    names = {stack.name for stack in found.stacks} | ({across_stacks.RELEASE} if found.is_release else set())
    known = {across_stacks.RELEASE, *map(stack_name, environments)}
    return Judgement(
        is_release=found.is_release,
        stacks=judged,
        checks=checks,
        waived=apply_waivers(findings, waivers, waivable, names, known, today),
        faults=faults,
        versions={
            "checkov": installed_checkov(),
            "policies": room_digest(),
            "python": platform.python_version(),
        },
    )


def _placed(finding: Finding, scan: Scan) -> Finding:
    """The finding with the first line of the block it is about."""
    return dataclasses.replace(finding, line=scan.lines.get(finding.address, (1, 1))[0])


def _findings(scan: Scan, checks: dict[str, KnownCheck]) -> list[Finding]:
    """What the checks refused, each with its construct and its line."""
    findings = []
    for verdict in scan.verdicts:
        if verdict.result != "FAILED":
            continue
        check = checks[verdict.check]
        resource = scan.stack.resources.get(verdict.address)
        construct = resource.construct if resource else verdict.address
        reason = "; ".join(verdict.reasons) or check.title
        found = Finding(check.id, check.title, scan.stack.name, verdict.address, construct, reason, check.fix)
        findings.append(_placed(found, scan))
    return findings
