"""Data loss: what holds data is deleted or replaced, or is told to forget sooner."""

from collections.abc import Iterator

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.expiry import OWN, grips_more, is_age, is_expiry
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.made_here import is_new_bucket
from pipeline.model.values import Known, Unknown, Value

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
    ("aws_sqs_queue", "message_retention_seconds"),
    ("aws_kinesis_stream", "retention_period"),
    ("aws_db_instance", "backup_retention_period"),
    ("aws_backup_plan", "delete_after"),
    ("aws_secretsmanager_secret", "recovery_window_in_days"),
    ("aws_kms_key", "deletion_window_in_days"),
}
_ZERO_IS_FOR_EVER = "aws_cloudwatch_log_group"
_BLOCKS = {("aws_backup_plan", "rule"), ("aws_backup_plan", "lifecycle")}  # what KEPT_FOR stands in


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
        subject=change.deposed or ", ".join(change.replaces_because),
    )


def _begins_to_forget(change: ResourceChange, change_set: ChangeSet) -> Iterator[Finding]:
    """A first expiry on a bucket that is there already throws away what is older than that."""
    bucket = change.attribute("bucket")
    if change.type != OWN or (bucket is not None and is_new_bucket(bucket.after, change_set)):
        return
    for attribute in change.attributes:
        if is_age(attribute.path) or isinstance(attribute.after, Unknown):
            yield from _forgotten(change, attribute)


def _forgets_sooner(change: ResourceChange) -> Iterator[Finding]:
    for attribute in change.attributes:
        yield from _forgotten(change, attribute)


def _forgotten(change: ResourceChange, attribute: AttributeChange) -> Iterator[Finding]:
    if attribute.changes and _sooner(change, attribute):
        yield about(
            change,
            "data-loss/retention",
            Kind.DATA_LOSS,
            f"{change.label} throws data away sooner than before: {attribute.name}",
            attribute,
        )


def _sooner(change: ResourceChange, attribute: AttributeChange) -> bool:
    kind, after = change.type, attribute.after
    names = [step for step in attribute.path if isinstance(step, str)]
    if kind == "aws_dynamodb_table":
        return names[:1] == ["ttl"] and after is not None and after != Known.of(False)
    if is_expiry(change, attribute.path):
        # There, no expiry keeps for ever.
        aged = is_age(attribute.path) and after is not None and _is_shorter(kind, attribute)
        return aged or grips_more(change, attribute)
    if isinstance(after, Unknown) and names and (kind, names[-1]) in _BLOCKS:
        return True
    if not names or (kind, names[-1]) not in KEPT_FOR:
        return False
    return after is None or _is_shorter(kind, attribute)


def _is_shorter(kind: str, attribute: AttributeChange) -> bool:
    old, new = _days(kind, attribute.before), _days(kind, attribute.after)
    return new is None or old is None or new < old


def _days(kind: str, value: Value) -> float | None:
    """Return how long, infinite for no limit, None for what cannot be compared."""
    if value is None:
        return float("inf")
    if not isinstance(value, Known) or type(value.value) not in {int, float}:
        return None
    return float("inf") if value.value == 0 and kind == _ZERO_IS_FOR_EVER else float(value.value)
