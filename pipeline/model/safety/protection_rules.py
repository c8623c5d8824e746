"""Which attributes protect, and which way is down. Data only.

Each row: the type, the path without positions, and what weakens it. A row matches the path and all below it.
"""

from typing import Final, Literal

Weaker = Literal["not true", "not false", "higher", "lower", "gone", "other", "any"]
"""What weakens: no longer true, no longer false, raised, lowered, taken away, not in STRONG, any change."""

RULES: Final[tuple[tuple[str, str, Weaker], ...]] = (
    ("aws_api_gateway_domain_name", "security_policy", "any"),
    ("aws_api_gateway_method", "api_key_required", "not true"),
    ("aws_api_gateway_method", "authorization", "any"),
    ("aws_api_gateway_method", "authorizer_id", "any"),
    ("aws_api_gateway_method", "request_models", "any"),
    ("aws_api_gateway_method", "request_parameters", "not true"),
    ("aws_api_gateway_method", "request_validator_id", "gone"),
    ("aws_api_gateway_method_settings", "settings.caching_enabled", "not false"),
    ("aws_api_gateway_method_settings", "settings.data_trace_enabled", "not false"),
    ("aws_api_gateway_method_settings", "settings.logging_level", "other"),
    ("aws_api_gateway_method_settings", "settings.metrics_enabled", "not true"),
    ("aws_api_gateway_method_settings", "settings.throttling_burst_limit", "higher"),
    ("aws_api_gateway_method_settings", "settings.throttling_rate_limit", "higher"),
    ("aws_api_gateway_model", "schema", "any"),
    ("aws_api_gateway_request_validator", "validate_request_body", "not true"),
    ("aws_api_gateway_request_validator", "validate_request_parameters", "not true"),
    ("aws_api_gateway_rest_api", "disable_execute_api_endpoint", "not true"),
    ("aws_api_gateway_rest_api", "endpoint_configuration", "any"),
    ("aws_api_gateway_stage", "access_log_settings", "gone"),
    ("aws_api_gateway_stage", "client_certificate_id", "gone"),
    ("aws_api_gateway_stage", "xray_tracing_enabled", "not true"),
    ("aws_api_gateway_usage_plan", "quota_settings.limit", "higher"),
    ("aws_api_gateway_usage_plan", "throttle_settings.burst_limit", "higher"),
    ("aws_api_gateway_usage_plan", "throttle_settings.rate_limit", "higher"),
    ("aws_cloudwatch_log_group", "kms_key_id", "any"),
    ("aws_cloudwatch_metric_alarm", "actions_enabled", "not true"),
    ("aws_cloudwatch_metric_alarm", "alarm_actions", "any"),
    ("aws_cloudwatch_metric_alarm", "comparison_operator", "any"),
    ("aws_cloudwatch_metric_alarm", "datapoints_to_alarm", "higher"),
    ("aws_cloudwatch_metric_alarm", "dimensions", "any"),
    ("aws_cloudwatch_metric_alarm", "evaluation_periods", "higher"),
    ("aws_cloudwatch_metric_alarm", "metric_name", "any"),
    ("aws_cloudwatch_metric_alarm", "metric_query", "any"),
    ("aws_cloudwatch_metric_alarm", "namespace", "any"),
    ("aws_cloudwatch_metric_alarm", "period", "any"),
    ("aws_cloudwatch_metric_alarm", "statistic", "any"),
    ("aws_cloudwatch_metric_alarm", "threshold", "any"),
    ("aws_cloudwatch_metric_alarm", "treat_missing_data", "any"),
    ("aws_dynamodb_table", "deletion_protection_enabled", "not true"),
    ("aws_dynamodb_table", "point_in_time_recovery.enabled", "not true"),
    ("aws_dynamodb_table", "point_in_time_recovery.recovery_period_in_days", "lower"),
    ("aws_dynamodb_table", "server_side_encryption", "any"),
    ("aws_iam_role", "max_session_duration", "higher"),
    ("aws_kms_key", "enable_key_rotation", "not true"),
    ("aws_kms_key", "is_enabled", "not true"),
    ("aws_lambda_function", "code_signing_config_arn", "any"),
    ("aws_lambda_function", "kms_key_arn", "any"),
    ("aws_lambda_function", "tracing_config.mode", "other"),
    ("aws_lambda_function", "vpc_config", "any"),
    ("aws_s3_bucket", "object_lock_enabled", "not true"),
    ("aws_s3_bucket_logging", "target_bucket", "any"),
    ("aws_s3_bucket_object_lock_configuration", "rule", "any"),
    ("aws_s3_bucket_ownership_controls", "rule.object_ownership", "other"),
    ("aws_s3_bucket_public_access_block", "block_public_acls", "not true"),
    ("aws_s3_bucket_public_access_block", "block_public_policy", "not true"),
    ("aws_s3_bucket_public_access_block", "ignore_public_acls", "not true"),
    ("aws_s3_bucket_public_access_block", "restrict_public_buckets", "not true"),
    ("aws_s3_bucket_server_side_encryption_configuration", "rule", "any"),
    ("aws_s3_bucket_versioning", "versioning_configuration.mfa_delete", "other"),
    ("aws_s3_bucket_versioning", "versioning_configuration.status", "other"),
    ("aws_secretsmanager_secret", "kms_key_id", "any"),
    ("aws_sns_topic", "kms_master_key_id", "any"),
    ("aws_sqs_queue", "kms_master_key_id", "any"),
    ("aws_sqs_queue", "sqs_managed_sse_enabled", "not true"),
)

STRONG: Final = frozenset({"Enabled", "Active", "INFO", "BucketOwnerEnforced"})
"""Values of settings with more than two positions that are as strong as it gets."""

GUARDS: Final = (
    "aws_api_gateway_method_settings",
    "aws_api_gateway_request_validator",
    "aws_api_gateway_usage_plan",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_metric_alarm",
    "aws_cloudtrail",
    "aws_guardduty_",
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
"""Types that are there to protect or to warn: without one of them something is weaker."""

TELLING: Final = frozenset(
    {
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
        "ssl",
        "sse",
        "throttle",
        "throttling",
        "tls",
        "validate",
        "validation",
        "validator",
        "versioning",
    }
)
"""Words in the name of an attribute that has no rule here, which say that a person should look."""
