"""Outside the release: taken over, moved, let go, shared by a whole account, or named for someone else."""

import re
from collections.abc import Iterator

from pipeline.model.change_set import Action, ChangeSet, ResourceChange
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.values import Known

# One per account and region: changing it changes what others rely on.
SHARED = (
    "aws_account_",
    "aws_accessanalyzer_",
    "aws_api_gateway_account",
    "aws_cloudtrail",
    "aws_cloudwatch_log_resource_policy",
    "aws_config_",
    "aws_ebs_encryption_by_default",
    "aws_guardduty_",
    "aws_iam_account_",
    "aws_organizations_",
    "aws_s3_account_public_access_block",
    "aws_securityhub_",
    "aws_servicequotas_",
)
NAMES = {
    "aws_api_gateway_api_key": "name",
    "aws_api_gateway_rest_api": "name",
    "aws_api_gateway_stage": "stage_name",
    "aws_api_gateway_usage_plan": "name",
    "aws_cloudwatch_composite_alarm": "alarm_name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_cloudwatch_log_group": "name",
    "aws_cloudwatch_log_metric_filter": "name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_dynamodb_table": "name",
    "aws_iam_policy": "name",
    "aws_iam_role": "name",
    "aws_lambda_function": "function_name",
    "aws_s3_bucket": "bucket",
    "aws_secretsmanager_secret": "name",
    "aws_sns_topic": "name",
    "aws_sqs_queue": "name",
}


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for everything that reaches beyond the release's own resources."""
    for change in change_set.changes:
        yield from _transfers(change)
        if change.type.startswith(SHARED):
            yield _finding(
                "shared", Severity.HIGH, change, f"changes {change.label}, which the whole account shares"
            )
        yield from _foreign_name(change, change_set.suffix)


def _transfers(change: ResourceChange) -> Iterator[Finding]:
    if change.importing is not None:
        sentence = f"takes over an existing object as {change.label}"
        yield _finding("import", Severity.HIGH, change, sentence, change.importing)
    if change.previous_address is not None:
        sentence = f"moves {change.previous_address} to {change.label}"
        yield _finding("move", Severity.LOW, change, sentence, Known.of(change.previous_address))
    if change.action in {Action.FORGET, Action.REPLACE_FORGET}:
        sentence = f"lets go of {change.label}: it stays in the cloud, and nobody looks after it"
        yield _finding("forget", Severity.HIGH, change, sentence)


def _foreign_name(change: ResourceChange, suffix: str) -> Iterator[Finding]:
    attribute = change.attribute(NAMES.get(change.type, ""))
    if attribute is None:
        return
    own = re.compile(rf"(?:.*[^0-9A-Za-z])?{re.escape(suffix)}")
    for value in {attribute.before, attribute.after} - {None}:
        if isinstance(value, Known) and isinstance(value.value, str) and not own.fullmatch(value.value):
            sentence = f"{change.label} is called {value.json}, which does not end with the instance's suffix {suffix}"
            yield _finding("name", Severity.HIGH, change, sentence, value)


def _finding(
    rule: str, severity: Severity, change: ResourceChange, sentence: str, what: Known | object = None
) -> Finding:
    subject = what.json if isinstance(what, Known) else ""
    return Finding(f"outside/{rule}", Kind.OUTSIDE, severity, change.address, sentence, subject=subject)
