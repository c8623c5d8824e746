"""The reports of one judgement: terminal, JSON, SARIF and JUnit."""

import datetime as dt
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pipeline.evidence.report import read_report
from policies.gate.expected_checks import read_expected
from policies.gate.judge import Judgement, judge
from policies.gate.report_json import to_json
from policies.gate.report_junit import to_junit
from policies.gate.report_sarif import to_sarif
from policies.gate.report_text import to_text
from policies.gate.waivers import read_waivers

TODAY = dt.datetime.now(tz=dt.UTC).date()


@pytest.fixture(scope="module")
def judgement(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    """A release with one wrong memory in dev, one ignored change in staging, one wrong topic in prod."""
    folder = tmp_path_factory.mktemp("release")
    for path in (release / "stacks").iterdir():
        document = json.loads((path / "cdk.tf.json").read_text(encoding="utf-8"))
        if path.name == "payments-dev":
            next(iter(document["resource"]["aws_lambda_function"].values()))["memory_size"] = 128
        if path.name == "payments-staging":
            first = next(iter(document["resource"]["aws_s3_bucket"].values()))
            first["lifecycle"] = {"ignore_changes": ["tags"]}
        if path.name == "payments-prod":
            next(iter(document["resource"]["aws_sns_topic"].values()))["name"] = "alarms"
            next(iter(document["resource"]["aws_sns_topic"].values()))["tags"].pop("Owner")
        (folder / "stacks" / path.name).mkdir(parents=True)
        text = json.dumps(document, indent=2)
        (folder / "stacks" / path.name / "cdk.tf.json").write_text(text, encoding="utf-8")
    return judge(folder, TODAY)


def test_the_terminal_groups_by_resource_and_says_why_and_how(judgement: Judgement) -> None:
    """One heading per resource with its construct path; under it each policy with reason and fix."""
    lines = to_text(judgement).splitlines()

    topic = next(
        i for i, line in enumerate(lines) if line.startswith("payments-prod/") and "aws_sns_topic" in line
    )
    assert [line.split(":")[0].strip() for line in lines[topic + 1 : topic + 7]] == [
        "PAY_NAMING_1",
        "why",
        "fix",
        "PAY_TAGS_1",
        "why",
        "fix",
    ]
    assert any(line.strip() == "why: memory is 128 MB, expected 512" for line in lines)
    assert lines[-1].startswith("REFUSED: the release; ")


def test_every_waived_finding_is_listed_on_the_terminal(judgement: Judgement) -> None:
    """Waivers are shown in every report, with reason, owner and last day."""
    text = to_text(judgement)

    assert judgement.waived.waived
    for finding, waiver in judgement.waived.waived:
        assert f"  {finding.policy} {finding.stack}/{finding.construct}" in text
        assert f"{waiver.reason} ({waiver.owner}, until {waiver.expires})" in text


def test_the_json_lists_exactly_what_ran_with_versions(judgement: Judgement, release: Path) -> None:
    """Each stack lists its checks with their results; each check its source and version."""
    report = json.loads(to_json(judgement))

    assert (report["format"], report["verdict"], report["scope"]) == (
        "tollgate-policies/1",
        "refused",
        "release",
    )
    assert report["versions"]["checkov"] == "3.3.30"
    known = {check["id"]: check for check in report["checks"]}
    for stack in report["stacks"]:
        assert set(read_expected().own) <= set(stack["checks"])
        assert all(check in known for check in stack["checks"])
        assert stack["digest"].startswith("sha256:")
    assert known["PAY_TAGS_1"]["version"].startswith("sha256:")
    assert known["CKV_AWS_28"]["version"] == "checkov 3.3.30"
    names = [stack["name"] for stack in report["stacks"]]
    assert sorted(names) == sorted(path.name for path in (release / "stacks").iterdir())


def test_a_check_gives_a_result_for_each_resource_it_is_about(judgement: Judgement) -> None:
    """The numbers per check add up: the tags policy has answered for every resource of every stack."""
    for stack in json.loads(to_json(judgement))["stacks"]:
        assert sum(stack["checks"]["PAY_TAGS_1"].values()) == stack["resources"]


def test_the_json_is_the_same_for_the_same_release(release: Path) -> None:
    """Nothing in the report depends on the run: judged twice, it is the same to the byte."""
    assert to_json(judge(release, TODAY)) == to_json(judge(release, TODAY))


def test_the_evidence_names_versions_and_what_was_waived(release: Path) -> None:
    """The pipeline reads the report as it is written: every policy and rule with its version, waivers apart."""
    report = read_report("policies", json.loads(to_json(judge(release, TODAY))), passed=True)

    assert report.versions["checkov"] == "3.3.30"
    assert report.looked_at["CKV_AWS_28"] == "checkov 3.3.30"
    assert {*read_expected().own, *read_expected().rules} <= report.looked_at.keys()
    assert "CKV_AWS_117" in report.waived <= report.looked_at.keys()
    assert report.wrong == frozenset()


def test_sarif_points_at_the_line_of_the_resource(judgement: Judgement) -> None:
    """Each finding names file and line, has its rule, and a waived one is suppressed with its reason."""
    (run,) = json.loads(to_sarif(judgement))["runs"]

    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    memory = next(result for result in run["results"] if result["ruleId"] == "PAY_LAMBDA_1")
    place = memory["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "stacks/payments-dev/cdk.tf.json"
    text = judgement.stacks[0].stack.text.splitlines()
    assert '"PaymentApi_Function' in text[place["region"]["startLine"] - 1]
    bucket = next(result for result in run["results"] if result["ruleId"] == "PAY_RELEASE_6")
    assert "aws_s3_bucket" in bucket["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert bucket["locations"][0]["physicalLocation"]["region"]["startLine"] > 1
    mirrored = next(result for result in run["results"] if result["ruleId"] == "PAY_MIRROR_4")
    place = mirrored["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "stacks/payments-staging/cdk.tf.json"
    assert {result["ruleId"] for result in run["results"]} == rules
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert len(suppressed) == len(judgement.waived.waived)
    assert run["invocations"][0]["executionSuccessful"] is True


def test_junit_has_a_case_per_check_and_stack(judgement: Judgement) -> None:
    """Findings are failures of their case; the gate itself is a case that would hold the faults."""
    root = ET.fromstring(to_junit(judgement))  # noqa: S314  # our own output

    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["payments-dev", "payments-staging", "payments-prod", "release", "gate"]
    failed = {
        (name, str(case.get("name")).split()[0])
        for name, suite in suites.items()
        for case in suite
        if case.find("failure") is not None
    }
    expected = {
        ("payments-dev", "PAY_LAMBDA_1"),
        ("payments-prod", "PAY_NAMING_1"),
        ("payments-prod", "PAY_TAGS_1"),
    }
    assert expected <= failed
    assert suites["gate"].get("errors") == "0"


def test_junit_lists_what_is_waived(judgement: Judgement) -> None:
    """A case whose findings are all waived is skipped, and says until when and by whom."""
    root = ET.fromstring(to_junit(judgement))  # noqa: S314  # our own output

    told = {
        f"{suite.get('name')} {str(case.get('name')).split()[0]}": "".join(
            [*(found.get("message", "") for found in case.iter("skipped")), case.findtext("system-out") or ""]
        )
        for suite in root
        for case in suite
    }
    for finding, waiver in judgement.waived.waived:
        words = f"{finding.construct}: waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
        assert words in told[f"{finding.stack} {finding.policy}"]
    for suite in root:
        assert len(list(suite.iter("skipped"))) == int(suite.get("skipped", "0"))
    assert not any(
        case.find("failure") is not None and case.find("skipped") is not None for case in root.iter()
    )


def test_a_waiver_that_expires_soon_is_told_in_every_form(release: Path) -> None:
    """Whoever reads only the file of their tool hears of it before the release is refused."""
    last = min(waiver.expires for waiver in read_waivers())
    judged = judge(release, last)

    assert judged.waived.warnings
    junit = ET.fromstring(to_junit(judged))  # noqa: S314  # our own output
    (run,) = json.loads(to_sarif(judged))["runs"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    for warning in judged.waived.warnings:
        assert f"warning: {warning}" in to_text(judged)
        assert warning in json.loads(to_json(judged))["warnings"]
        assert {"level": "warning", "message": {"text": warning}} in notes
        assert warning in str(junit.findtext("testsuite[@name='gate']/testcase/system-out"))


def test_a_run_that_could_not_judge_is_reported_in_every_form(tmp_path: Path) -> None:
    """Faults reach JSON, SARIF and JUnit as well, so that no viewer takes the run for a good one."""
    document = {"resource": {"aws_sns_topic": {"__startline__": {"name": "unseen"}}}}
    path = tmp_path / "payments-dev" / "cdk.tf.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document), encoding="utf-8")

    judgement = judge(tmp_path, TODAY)

    (run,) = json.loads(to_sarif(judgement))["runs"]
    junit = ET.fromstring(to_junit(judgement))  # noqa: S314  # our own output
    gate = next(suite for suite in junit if suite.get("name") == "gate")
    assert json.loads(to_json(judgement))["verdict"] == "not judged"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert judgement.faults
    assert int(str(gate.get("errors"))) == len(judgement.faults) + len(judgement.waived.problems)
