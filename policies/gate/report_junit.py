"""The judgement as JUnit XML: one suite per stack, one case per check, one more for the gate itself."""

import xml.etree.ElementTree as ET

from policies.gate.finding import Finding
from policies.gate.judge import Judgement
from policies.gate.waivers import Waiver


def to_junit(judgement: Judgement) -> str:
    """Findings as failures, what is waived as skipped, faults and waivers that do not hold as errors."""
    root = ET.Element("testsuites", name="policies")
    for judged in judgement.stacks:
        name = judged.stack.name
        found = [*judgement.waived.open, *(finding for finding, _ in judgement.waived.waived)]
        ran = {check for check, _ in judged.ran} | {f.policy for f in found if f.stack == name}
        _suite(root, name, {check: judgement.checks[check].title for check in sorted(ran)}, judgement)
    mirror = {
        check.id: check.title for check in judgement.checks.values() if check.id.startswith("PAY_MIRROR_")
    }
    if judgement.is_release:
        _suite(root, "release", mirror, judgement)
    gate = ET.SubElement(root, "testsuite", name="gate", tests="1")
    case = ET.SubElement(gate, "testcase", classname="gate", name="everything could be judged")
    for problem in [*judgement.faults, *judgement.waived.problems]:
        ET.SubElement(case, "error", message=problem)
    gate.set("errors", str(len(case)))
    if judgement.waived.warnings:
        ET.SubElement(case, "system-out").text = "\n".join(judgement.waived.warnings)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, stack: str, titles: dict[str, str], judgement: Judgement) -> None:
    suite = ET.SubElement(root, "testsuite", name=stack, tests=str(len(titles)))
    failures = skipped = 0
    for check, title in titles.items():
        case = ET.SubElement(suite, "testcase", classname=stack, name=f"{check} {title}")
        found = [f for f in judgement.waived.open if _is_of(f, stack, check)]
        for finding in found:
            ET.SubElement(case, "failure", message=_message(finding)).text = finding.fix
        failures += len(found)
        waived = [_waived(*both) for both in judgement.waived.waived if _is_of(both[0], stack, check)]
        if waived and not found:
            ET.SubElement(case, "skipped", message="; ".join(waived))
            skipped += 1
        elif waived:
            ET.SubElement(case, "system-out").text = "\n".join(waived)
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))


def _is_of(finding: Finding, stack: str, check: str) -> bool:
    return (finding.stack, finding.policy) == (stack, check)


def _waived(finding: Finding, waiver: Waiver) -> str:
    return f"{finding.construct}: waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"


def _message(finding: Finding) -> str:
    return f"{finding.construct}: {finding.reason}"
