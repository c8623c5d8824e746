"""Data loss: what holds data is deleted or replaced, or is told to forget sooner."""

from collections.abc import Iterator

from pipeline.model.change_set import Action, ChangeSet, ResourceChange
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.made_here import is_made_here
from pipeline.model.values import Known, Path, Value

# Known to hold nothing that a new one would not hold too. Every other type is taken to hold data: a type that
# nobody has looked at must not be the one that loses it.
HOLDS_NOTHING = (
    "aws_api_gateway_",
    "aws_appautoscaling_",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_",
    "aws_cloudwatch_log_metric_filter",
    "aws_cloudwatch_log_resource_policy",
    "aws_cloudwatch_log_subscription_filter",
    "aws_cloudwatch_metric_alarm",
    "aws_iam_",
    "aws_kms_alias",
    "aws_lambda_",
    "aws_s3_bucket_",
    "aws_s3_account_public_access_block",
    "aws_secretsmanager_secret_policy",
    "aws_sns_topic",
    "aws_sqs_queue_policy",
)
EXCEPT = frozenset(
    {
        "aws_iam_access_key",  # shown once, at creation
        "aws_s3_bucket_object",  # the old name of aws_s3_object
        "aws_api_gateway_api_key",  # callers hold it
        "aws_api_gateway_client_certificate",
    }
)

# Attributes that say after how long something is thrown away: (type, name at the end of the path).
KEPT_FOR = {
    ("aws_cloudwatch_log_group", "retention_in_days"),
    ("aws_s3_bucket_lifecycle_configuration", "days"),
    ("aws_s3_bucket_lifecycle_configuration", "date"),
    ("aws_s3_bucket_lifecycle_configuration", "noncurrent_days"),
    ("aws_s3_bucket_lifecycle_configuration", "newer_noncurrent_versions"),
    ("aws_sqs_queue", "message_retention_seconds"),
    ("aws_kinesis_stream", "retention_period"),
    ("aws_db_instance", "backup_retention_period"),
    ("aws_backup_plan", "delete_after"),
    ("aws_secretsmanager_secret", "recovery_window_in_days"),
    ("aws_kms_key", "deletion_window_in_days"),
}
_ZERO_IS_FOR_EVER = "aws_cloudwatch_log_group"
_EXPIRY = "aws_s3_bucket_lifecycle_configuration"


def find(change_set: ChangeSet) -> Iterator[Finding]:
    """Yield a finding for everything that may lose data."""
    for change in change_set.changes:
        if change.action.destroys and holds_data(change.type):
            yield _destroyed(change)
        if change.action is Action.UPDATE or change.action.replaces:
            yield from _forgets_sooner(change)
        elif change.action is Action.CREATE:
            yield from _begins_to_forget(change, change_set)


def holds_data(kind: str) -> bool:
    """True unless the type is known to hold nothing."""
    return kind in EXCEPT or not kind.startswith(HOLDS_NOTHING)


def _destroyed(change: ResourceChange) -> Finding:
    rule, word = ("replace", "replaces") if change.action.replaces else ("delete", "deletes")
    forced = f", forced by {', '.join(change.replaces_because)}" if change.replaces_because else ""
    return Finding(
        f"data-loss/{rule}",
        Kind.DATA_LOSS,
        Severity.HIGH,
        change.address,
        f"{word} {change.label} with the data in it{forced}",
        subject=change.deposed or "",
    )


def _begins_to_forget(change: ResourceChange, change_set: ChangeSet) -> Iterator[Finding]:
    """A first expiry on a bucket that is there already throws away what is older than that."""
    bucket = change.attribute("bucket")
    if change.type != _EXPIRY or (bucket is not None and _is_new_bucket(bucket.after, change_set)):
        return
    for finding in _forgets_sooner(change):
        if finding.subject.rpartition(".")[2] in {name for kind, name in KEPT_FOR if kind == _EXPIRY}:
            yield finding


def _is_new_bucket(bucket: Value, change_set: ChangeSet) -> bool:
    names = (
        change.attribute("bucket")
        for change in change_set.changes
        if change.type == "aws_s3_bucket" and change.action is Action.CREATE
    )
    return is_made_here(bucket, change_set) or any(
        name is not None and isinstance(name.after, Known) and name.after == bucket for name in names
    )


def _forgets_sooner(change: ResourceChange) -> Iterator[Finding]:
    for attribute in change.attributes:
        if attribute.changes and _sooner(change.type, attribute.path, attribute.before, attribute.after):
            yield Finding(
                "data-loss/retention",
                Kind.DATA_LOSS,
                Severity.HIGH,
                change.address,
                f"{change.label} throws data away sooner than before: {attribute.name}",
                subject=attribute.name,
                before=attribute.before,
                after=attribute.after,
            )


def _sooner(kind: str, path: Path, before: Value, after: Value) -> bool:
    names = [step for step in path if isinstance(step, str)]
    if kind == "aws_dynamodb_table":
        return names[:1] == ["ttl"] and after is not None and after != Known.of(False)
    if kind == _EXPIRY and after is not None and names[-1:] == ["status"]:
        return after != Known.of("Disabled")
    if kind == _EXPIRY and after is not None and "filter" in names:
        return True  # it now takes hold of other objects
    if not names or (kind, names[-1]) not in KEPT_FOR or "transition" in names:
        return False
    if after is None:
        return kind != _EXPIRY  # there, no expiry keeps for ever
    old, new = _days(kind, before), _days(kind, after)
    return new is None or old is None or new < old


def _days(kind: str, value: Value) -> float | None:
    """Return how long, infinite for no limit, None for what cannot be compared."""
    if value is None:
        return float("inf")
    if not isinstance(value, Known) or type(value.value) not in {int, float}:
        return None
    return float("inf") if value.value == 0 and kind == _ZERO_IS_FOR_EVER else float(value.value)
