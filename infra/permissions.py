"""The IAM vocabulary: every action this room may name, as data.

A reviewer reads the whole of what our roles can ever do here. Each tuple is sorted; none holds `*`, except the two
that are only used to *deny*.
"""

# What the function does to its table (GetItem and Query reach the indexes too).
TABLE_READ = ("dynamodb:GetItem", "dynamodb:Query")
TABLE_WRITE = ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
INDEX_READ = ("dynamodb:Query",)

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
