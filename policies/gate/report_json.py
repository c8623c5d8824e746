"""The judgement as JSON: what the pipeline signs as evidence."""

import dataclasses
import json
from typing import Any

from policies.gate.finding import Finding
from policies.gate.judge import JudgedStack, Judgement

FORMAT = "tollgate-policies/1"


def to_json(judgement: Judgement) -> str:
    """Everything, in a fixed order."""
    waived = judgement.waived
    document = {
        "format": FORMAT,
        "verdict": judgement.verdict,
        "scope": "release" if judgement.is_release else "stacks",
        "versions": judgement.versions,
        "stacks": [_stack(judged) for judged in judgement.stacks],
        "checks": [
            dataclasses.asdict(check) for check in judgement.checks.values() if ran(judgement, check.id)
        ],
        "findings": [_finding(finding) for finding in waived.open],
        "waived": [
            {**_finding(finding), "waiver": {"reason": w.reason, "owner": w.owner, "expires": str(w.expires)}}
            for finding, w in waived.waived
        ],
        "waiver_problems": waived.problems,
        "warnings": waived.warnings,
        "faults": judgement.faults,
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def ran(judgement: Judgement, check: str) -> bool:
    """Whether a check gave a result in some stack; the rules over whole stacks always do."""
    if check.startswith("PAY_MIRROR_"):
        return judgement.is_release
    return check.startswith("PAY_RELEASE_") or any(
        check == name for judged in judgement.stacks for name, _ in judged.ran
    )


def _stack(judged: JudgedStack) -> dict[str, Any]:
    stack = judged.stack
    checks: dict[str, dict[str, int]] = {}
    for (check, result), count in sorted(judged.ran.items()):
        checks.setdefault(check, {})[result.lower()] = count
    return {
        "name": stack.name,
        "environment": stack.environment,
        "digest": stack.digest,
        "resources": len(stack.resources),
        "checks": checks,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return dataclasses.asdict(finding)
