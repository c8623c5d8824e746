"""The judgement as SARIF 2.1.0, for code scanning."""

import json
from typing import Any

from policies.gate.across_stacks import RELEASE
from policies.gate.finding import Finding
from policies.gate.judge import Judgement

MIRROR = "payments-staging"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(judgement: Judgement) -> str:
    """Findings as results, waived ones suppressed, faults as notifications of a run that did not succeed."""
    waived = judgement.waived
    folder = "stacks/" if judgement.is_release else ""
    results = [_result(finding, folder) for finding in waived.open]
    results += [
        {
            **_result(finding, folder),
            "suppressions": [{"kind": "external", "justification": f"{w.reason} ({w.owner})"}],
        }
        for finding, w in waived.waived
    ]
    used = sorted({str(result["ruleId"]) for result in results})
    notes = [("error", note) for note in (*judgement.faults, *waived.problems)]
    notes += [("warning", note) for note in waived.warnings]
    run = {
        "tool": {
            "driver": {
                "name": "tollgate-policies",
                "rules": [_rule(judgement, check) for check in used],
            },
        },
        "invocations": [
            {
                "executionSuccessful": not judgement.faults,
                "toolExecutionNotifications": [
                    {"level": level, "message": {"text": note}} for level, note in notes
                ],
            }
        ],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(judgement: Judgement, check: str) -> dict[str, Any]:
    known = judgement.checks[check]
    return {
        "id": known.id,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.risk or known.title},
        "help": {"text": known.fix},
    }


def _result(finding: Finding, folder: str) -> dict[str, Any]:
    # What staging and prod do not have in common is shown where it is put right.
    stack = MIRROR if finding.stack == RELEASE else finding.stack
    return {
        "ruleId": finding.policy,
        "level": "error",
        "message": {"text": f"{finding.construct}: {finding.reason}. {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": f"{folder}{stack}/cdk.tf.json"},
                    "region": {"startLine": finding.line},
                },
                "logicalLocations": [{"fullyQualifiedName": f"{finding.stack}/{finding.address}"}],
            }
        ],
    }
