"""A stack that breaks every policy, judged in each run: whatever lets it pass is broken itself."""

from pathlib import Path

from policies.gate.expected_checks import ExpectedChecks
from policies.gate.own_checks import OwnCheck
from policies.gate.scan import scan_stack
from policies.gate.stack import read_stack

PATH = Path(__file__).parent / "canary.tf.json"
# A Python check of checkov's, a graph check and one about the provider: each way of checking is alive.
CHECKOVS = frozenset({"CKV_AWS_28", "CKV2_AWS_6", "CKV_AWS_41"})


def faults_of_canary(expected: ExpectedChecks, own: list[OwnCheck]) -> list[str]:
    """Which checks do not notice the canary, and why it could not be scanned."""
    scan = scan_stack(read_stack(PATH, "payments-prod", "prod"))
    failed = {verdict.check for verdict in scan.verdicts if verdict.result == "FAILED"}
    wanted = {*expected.own, *(check.id for check in own), *CHECKOVS}
    unnoticed = [f"{check} lets the canary pass." for check in sorted(wanted - failed)]
    return [f"canary: {fault}" for fault in scan.faults] + unnoticed
