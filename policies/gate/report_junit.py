"""The judgement as JUnit XML: one suite per stack, one case per check, one more for the gate itself."""

import xml.etree.ElementTree as ET

from policies.gate.finding import Finding
from policies.gate.judge import Judgement


def to_junit(judgement: Judgement) -> str:
    """Findings as failures, faults and waivers that do not hold as errors."""
    root = ET.Element("testsuites", name="policies")
    for judged in judgement.stacks:
        name = judged.stack.name
        ran = {check for check, _ in judged.ran} | {
            f.policy for f in judgement.waived.open if f.stack == name
        }
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
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, stack: str, titles: dict[str, str], judgement: Judgement) -> None:
    suite = ET.SubElement(root, "testsuite", name=stack, tests=str(len(titles)))
    failures = 0
    for check, title in titles.items():
        case = ET.SubElement(suite, "testcase", classname=stack, name=f"{check} {title}")
        found = [f for f in judgement.waived.open if (f.stack, f.policy) == (stack, check)]
        for finding in found:
            ET.SubElement(case, "failure", message=_message(finding)).text = finding.fix
        failures += len(found)
    suite.set("failures", str(failures))


def _message(finding: Finding) -> str:
    return f"{finding.construct}: {finding.reason}"
