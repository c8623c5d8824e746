"""The IAM vocabulary: every action this room may name, as data.

A reviewer reads the whole of what our roles can ever do here. Each tuple is sorted; none holds `*`, except
the two that are only used to *deny*.
"""

# A payment is read and written whole; lists come from the indexes alone.
TABLE_READ = ("dynamodb:GetItem",)
TABLE_WRITE = ("dynamodb:PutItem",)
INDEX_QUERY = ("dynamodb:Query",)

OBJECT_READ = ("s3:GetObject",)
OBJECT_WRITE = ("s3:PutObject",)

SECRET_READ = ("secretsmanager:GetSecretValue",)

# CreateLogGroup is missing on purpose: the group, with its retention, is ours to make.
LOG_WRITE = ("logs:CreateLogStream", "logs:PutLogEvents")

# AWS defines no resource for these two: "*" is the finest there is.
TRACE_WRITE = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")

FUNCTION_INVOKE = "lambda:InvokeFunction"
TOPIC_PUBLISH = "sns:Publish"
ASSUME_ROLE = "sts:AssumeRole"

# Only ever in a Deny: whatever the action, not without TLS.
DENY_ANY_BUCKET_ACTION = "s3:*"
