"""What cannot be judged from the plan: it is unfinished, its checks fail, or it reads while it is applied."""

from collections.abc import Iterator

from pipeline.model.change_set import Action, ChangeSet
from pipeline.model.safety.finding import Finding, Kind, Severity

# Computed from its own arguments: reading it asks nobody.
_PURE_READS = frozenset({"data.aws_iam_policy_document", "data.aws_partition"})


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for everything that the plan leaves open."""
    if not change_set.complete:
        yield _finding("incomplete", Severity.HIGH, "", "the plan leaves resources out; another must follow")
    for deferred in change_set.deferred:
        address = deferred.change.address
        sentence = f"{deferred.change.label} is put off to another plan: {deferred.reason}"
        yield _finding("deferred", Severity.HIGH, address, sentence)
    for check in change_set.checks:
        if check.status in {"fail", "error"}:
            problems = "; ".join(check.problems) or "no message"
            sentence = f"the release's own check {check.address} does not pass: {problems}"
            yield _finding("check", Severity.MEDIUM, check.address, sentence)
    for change in change_set.changes:
        if change.action is Action.READ and change.type not in _PURE_READS:
            sentence = f"{change.label} is read during apply and may bring a value that was not planned with"
            yield _finding("read", Severity.LOW, change.address, sentence)


def _finding(rule: str, severity: Severity, address: str, sentence: str) -> Finding:
    return Finding(f"unproven/{rule}", Kind.UNPROVEN, severity, address, sentence, subject=sentence)
