"""Every row of every table that the rules read: taken out of its table, what it notices here slips by."""

from typing import Any, Final

import pytest

from pipeline.model.change_set import Action
from pipeline.model.safety import access, data_loss, expiry, findings, guards, outside, protection_rules
from tests.unit.pipeline.change_sets import attribute, change, change_set

PROTECTIONS: Final[tuple[tuple[str, str, Any, Any], ...]] = (
    ("aws_api_gateway_domain_name", "security_policy", "x", "y"),
    ("aws_api_gateway_method", "api_key_required", True, False),
    ("aws_api_gateway_method", "authorization", "x", "y"),
    ("aws_api_gateway_method", "authorizer_id", "x", "y"),
    ("aws_api_gateway_method", "request_models", "x", "y"),
    ("aws_api_gateway_method", "request_parameters", True, False),
    ("aws_api_gateway_method", "request_validator_id", "x", "y"),
    ("aws_api_gateway_method_settings", "settings.caching_enabled", False, True),
    ("aws_api_gateway_method_settings", "settings.data_trace_enabled", False, True),
    ("aws_api_gateway_method_settings", "settings.logging_level", "INFO", "Weaker"),
    ("aws_api_gateway_method_settings", "settings.metrics_enabled", True, False),
    ("aws_api_gateway_method_settings", "settings.throttling_burst_limit", 10, 20),
    ("aws_api_gateway_method_settings", "settings.throttling_rate_limit", 10, 20),
    ("aws_api_gateway_model", "schema", "x", "y"),
    ("aws_api_gateway_request_validator", "validate_request_body", True, False),
    ("aws_api_gateway_request_validator", "validate_request_parameters", True, False),
    ("aws_api_gateway_rest_api", "api_key_source", "x", "y"),
    ("aws_api_gateway_rest_api", "disable_execute_api_endpoint", True, False),
    ("aws_api_gateway_rest_api", "endpoint_configuration", "x", "y"),
    ("aws_api_gateway_stage", "access_log_settings", "x", "y"),
    ("aws_api_gateway_stage", "client_certificate_id", "x", "y"),
    ("aws_api_gateway_stage", "xray_tracing_enabled", True, False),
    ("aws_api_gateway_usage_plan", "quota_settings.limit", 10, 20),
    ("aws_api_gateway_usage_plan", "throttle_settings.burst_limit", 10, 20),
    ("aws_api_gateway_usage_plan", "throttle_settings.rate_limit", 10, 20),
    ("aws_cloudwatch_composite_alarm", "actions_enabled", True, False),
    ("aws_cloudwatch_composite_alarm", "actions_suppressor", "x", "y"),
    ("aws_cloudwatch_composite_alarm", "alarm_actions", "x", "y"),
    ("aws_cloudwatch_composite_alarm", "alarm_rule", "x", "y"),
    ("aws_cloudwatch_log_group", "kms_key_id", "x", "y"),
    ("aws_cloudwatch_log_metric_filter", "log_group_name", "x", "y"),
    ("aws_cloudwatch_log_metric_filter", "metric_transformation", "x", "y"),
    ("aws_cloudwatch_log_metric_filter", "pattern", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "actions_enabled", True, False),
    ("aws_cloudwatch_metric_alarm", "alarm_actions", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "comparison_operator", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "datapoints_to_alarm", 10, 20),
    ("aws_cloudwatch_metric_alarm", "dimensions", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "evaluation_periods", 10, 20),
    ("aws_cloudwatch_metric_alarm", "evaluate_low_sample_count_percentiles", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "extended_statistic", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "metric_name", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "metric_query", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "namespace", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "period", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "statistic", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "threshold", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "threshold_metric_id", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "treat_missing_data", "x", "y"),
    ("aws_cloudwatch_metric_alarm", "unit", "x", "y"),
    ("aws_dynamodb_table", "deletion_protection_enabled", True, False),
    ("aws_dynamodb_table", "point_in_time_recovery.enabled", True, False),
    ("aws_dynamodb_table", "point_in_time_recovery.recovery_period_in_days", 35, 7),
    ("aws_dynamodb_table", "server_side_encryption", "x", "y"),
    ("aws_iam_role", "max_session_duration", 10, 20),
    ("aws_kms_key", "enable_key_rotation", True, False),
    ("aws_kms_key", "is_enabled", True, False),
    ("aws_lambda_function", "code_signing_config_arn", "x", "y"),
    ("aws_lambda_function", "kms_key_arn", "x", "y"),
    ("aws_lambda_function", "reserved_concurrent_executions", 10, 20),
    ("aws_lambda_function", "tracing_config.mode", "Active", "PassThrough"),
    ("aws_lambda_function", "vpc_config", "x", "y"),
    ("aws_s3_bucket", "object_lock_enabled", True, False),
    ("aws_s3_bucket_logging", "target_bucket", "x", "y"),
    ("aws_s3_bucket_object_lock_configuration", "rule", "x", "y"),
    ("aws_s3_bucket_ownership_controls", "rule.object_ownership", "BucketOwnerEnforced", "ObjectWriter"),
    ("aws_s3_bucket_public_access_block", "block_public_acls", True, False),
    ("aws_s3_bucket_public_access_block", "block_public_policy", True, False),
    ("aws_s3_bucket_public_access_block", "ignore_public_acls", True, False),
    ("aws_s3_bucket_public_access_block", "restrict_public_buckets", True, False),
    ("aws_s3_bucket_server_side_encryption_configuration", "rule", "x", "y"),
    ("aws_s3_bucket_versioning", "versioning_configuration.mfa_delete", "Enabled", "Disabled"),
    ("aws_s3_bucket_versioning", "versioning_configuration.status", "Enabled", "Suspended"),
    ("aws_secretsmanager_secret", "kms_key_id", "x", "y"),
    ("aws_sns_topic", "kms_master_key_id", "x", "y"),
    ("aws_sns_topic_subscription", "endpoint", "x", "y"),
    ("aws_sns_topic_subscription", "protocol", "x", "y"),
    ("aws_sns_topic_subscription", "topic_arn", "x", "y"),
    ("aws_sqs_queue", "kms_master_key_id", "x", "y"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled", True, False),
)
"""Type, path, and a change that turns the protection down."""

GUARDS: Final = (
    "aws_api_gateway_authorizer",
    "aws_api_gateway_method_settings",
    "aws_api_gateway_request_validator",
    "aws_api_gateway_usage_plan",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_log_metric_filter",
    "aws_cloudwatch_metric_alarm",
    "aws_cloudtrail",
    "aws_guardduty_",
    "aws_iam_role_policies_exclusive",
    "aws_iam_role_policy_attachments_exclusive",
    "aws_lambda_code_signing_config",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_object_lock_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_account_public_access_block",
    "aws_sns_topic_subscription",
    "aws_wafv2_",
)
WORDS: Final = (
    "encrypt",
    "encrypted",
    "encryption",
    "firewall",
    "kms",
    "lock",
    "logging",
    "protection",
    "public",
    "publicly",
    "quota",
    "sse",
    "ssl",
    "throttle",
    "throttling",
    "tls",
    "validate",
    "validation",
    "validator",
    "versioning",
)
SHARED: Final = (
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
ACCESS: Final = (
    "aws_api_gateway_usage_plan_key",
    "aws_cognito_identity_pool_roles_attachment",
    "aws_iam_access_key",
    "aws_iam_group",
    "aws_iam_instance_profile",
    "aws_iam_openid_connect_provider",
    "aws_iam_policy_attachment",
    "aws_iam_role_polic",
    "aws_iam_saml_provider",
    "aws_iam_service",
    "aws_iam_user",
    "aws_kms_grant",
    "aws_lakeformation_permissions",
    "aws_lambda_function_url",
    "aws_lambda_layer_version_permission",
    "aws_lambda_permission",
    "aws_cloudwatch_event_permission",
    "aws_network_acl",
    "aws_ram_",
    "aws_rolesanywhere_",
    "aws_s3_access_point",
    "aws_s3_bucket_acl",
    "aws_security_group",
    "aws_ssoadmin_",
    "aws_vpc_security_group",
)
ATTRIBUTES: Final = (
    "acl",
    "credentials",
    "grant",
    "iam_instance_profile",
    "managed_policy_arns",
    "permissions_boundary",
    "publicly_accessible",
    "role",
    "role_arn",
    "service_role",
)
NAMES: Final = {
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
KEPT: Final = (
    ("aws_backup_plan", "delete_after"),
    ("aws_cloudwatch_log_group", "retention_in_days"),
    ("aws_db_instance", "backup_retention_period"),
    ("aws_kinesis_stream", "retention_period"),
    ("aws_kms_key", "deletion_window_in_days"),
    ("aws_s3_bucket_lifecycle_configuration", "date"),
    ("aws_s3_bucket_lifecycle_configuration", "days"),
    ("aws_s3_bucket_lifecycle_configuration", "newer_noncurrent_versions"),
    ("aws_s3_bucket_lifecycle_configuration", "noncurrent_days"),
    ("aws_secretsmanager_secret", "recovery_window_in_days"),
    ("aws_sqs_queue", "message_retention_seconds"),
)
HOLDING: Final = (
    "aws_api_gateway_api_key",
    "aws_api_gateway_client_certificate",
    "aws_iam_access_key",
    "aws_s3_bucket_object",
)
EMPTY: Final = (
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

POINTING: Final = (
    ("aws_api_gateway_method_settings", "method_path"),
    ("aws_api_gateway_method_settings", "stage_name"),
    ("aws_api_gateway_request_validator", "rest_api_id"),
    ("aws_api_gateway_usage_plan", "api_id"),
    ("aws_api_gateway_usage_plan", "stage"),
    ("aws_iam_role_policies_exclusive", "role_name"),
    ("aws_s3_bucket_versioning", "bucket"),
    ("aws_wafv2_web_acl_association", "resource_arn"),
    ("aws_wafv2_web_acl_association", "web_acl_arn"),
)

_UNKNOWN = "aws_thing"


def _rules(kind: str, action: Action, *sides: Any) -> set[str]:
    return {finding.rule for finding in findings(change_set(change(kind, action, *sides)))}


def test_every_row_is_listed_here() -> None:
    """A row that is added to a table is added here; one that is taken out is missed here."""
    assert {row[:2] for row in PROTECTIONS} == {row[:2] for row in protection_rules.RULES}
    assert len(PROTECTIONS) == len(protection_rules.RULES)
    assert set(GUARDS) == set(protection_rules.GUARDS)
    assert set(WORDS) == protection_rules.TELLING
    assert set(SHARED) == set(outside.SHARED)
    assert set(ACCESS) == set(access.ACCESS_TYPES)
    assert set(ATTRIBUTES) == access.ACCESS_NAMES
    assert NAMES == outside.NAMES
    assert {name for _, name in POINTING} == guards.THINGS | guards.PARTS
    assert set(KEPT) == data_loss.KEPT_FOR | {(expiry.OWN, name) for name in expiry.DAYS}
    assert set(HOLDING) == data_loss.EXCEPT
    assert set(EMPTY) == set(data_loss.HOLDS_NOTHING)


@pytest.mark.parametrize(("kind", "path", "before", "after"), PROTECTIONS)
def test_each_protection_is_missed(kind: str, path: str, before: Any, after: Any) -> None:
    """The change that turns it down is found by the rule that is meant for it."""
    assert "protection/weaker" in _rules(kind, Action.UPDATE, attribute(path, before, after))


@pytest.mark.parametrize("kind", GUARDS)
def test_each_guard_is_missed(kind: str) -> None:
    """Without its row, taking it away would be a disruption at most."""
    assert "protection/removed" in _rules(kind, Action.DELETE)


@pytest.mark.parametrize(("kind", "name"), POINTING)
def test_each_name_of_what_is_guarded_is_read(kind: str, name: str) -> None:
    """A guard that names something else there has left what it was on."""
    assert "protection/removed" in _rules(kind, Action.UPDATE, attribute(f"x.0.{name}", "a", "b"))


@pytest.mark.parametrize("word", WORDS)
def test_each_telling_word_is_heard(word: str) -> None:
    """An attribute without a rule is found by this word alone."""
    assert _rules(_UNKNOWN, Action.UPDATE, attribute(f"my_{word}", 1, 2)) == {"protection/unlisted"}


@pytest.mark.parametrize("kind", SHARED)
def test_each_shared_setting_is_found(kind: str) -> None:
    """What the whole account shares is found whatever is done to it."""
    assert "outside/shared" in _rules(kind, Action.UPDATE, attribute("x", 1, 2))


@pytest.mark.parametrize("kind", ACCESS)
def test_each_kind_of_access_is_found(kind: str) -> None:
    """A new one of it gives somebody access."""
    assert "access/resource" in _rules(kind, Action.CREATE, attribute("x", None, 2))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_attribute_that_decides_access_is_found(name: str) -> None:
    """Another value of it is found on a resource of any type."""
    assert "access/attribute" in _rules(_UNKNOWN, Action.UPDATE, attribute(name, "a", "b"))


@pytest.mark.parametrize("kind", HOLDING)
def test_each_exception_holds_data(kind: str) -> None:
    """Among types that hold nothing, this one holds what cannot be had again."""
    assert "data-loss/delete" in _rules(kind, Action.DELETE)


@pytest.mark.parametrize("kind", EMPTY)
def test_each_type_without_data_is_a_disruption(kind: str) -> None:
    """A type that is known to hold nothing interrupts when it goes; only those listed here do."""
    assert "disruption/delete" in _rules(kind, Action.DELETE)


@pytest.mark.parametrize(("kind", "name"), NAMES.items())
def test_each_name_of_another_instance_is_found(kind: str, name: str) -> None:
    """A resource of the type that names another instance is found."""
    assert "outside/name" in _rules(kind, Action.CREATE, attribute(name, None, "payments-prod"))


@pytest.mark.parametrize(("kind", "name"), KEPT)
def test_each_retention_that_shortens_is_found(kind: str, name: str) -> None:
    """Kept for a shorter time than before is thrown away sooner."""
    assert "data-loss/retention" in _rules(kind, Action.UPDATE, attribute(f"x.0.{name}", 90, 7))
