"""The IAM vocabulary: every action this room may name, as data.

A reviewer reads here the whole of what our roles can ever do. Each tuple is sorted; none holds `*`, except
the one that is only used to deny.
"""

# --- The function ---

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

# --- Keys that AWS manages: their own policies let in whoever may use the service, and a wall must not ---

KEY_USE = ("kms:Decrypt", "kms:GenerateDataKey")
KEY_USE_FOR_TABLES = ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")

# --- What AWS services do for us ---

FUNCTION_INVOKE = "lambda:InvokeFunction"
TOPIC_PUBLISH = "sns:Publish"
ASSUME_ROLE = "sts:AssumeRole"
ASSUME_ROLE_BY_OIDC = "sts:AssumeRoleWithWebIdentity"

# What AWS asks for the one role with which API Gateway writes the logs of all APIs of an account.
GATEWAY_LOG_WRITE = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:PutLogEvents",
)

# Only ever in a Deny: whatever the action, not without TLS.
DENY_ANY_BUCKET_ACTION = "s3:*"

# --- The pipeline: what Terraform calls to read what is there ---

DESCRIBE_API = ("apigateway:GET",)
DESCRIBE_ALARMS = ("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource")
DESCRIBE_DASHBOARD = ("cloudwatch:GetDashboard",)
DESCRIBE_TABLE = (
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:ListTagsOfResource",
)
DESCRIBE_ROLE = (
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole",
    "iam:ListRolePolicies",
)
DESCRIBE_KEY = ("kms:DescribeKey",)
DESCRIBE_FUNCTION = (
    "lambda:GetAlias",
    "lambda:GetFunction",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionConcurrency",
    "lambda:GetFunctionConfiguration",
    "lambda:GetPolicy",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:ListTags",
    "lambda:ListVersionsByFunction",
)
DESCRIBE_LOG_GROUPS = ("logs:DescribeLogGroups",)
DESCRIBE_LOG_GROUP = ("logs:DescribeMetricFilters", "logs:ListTagsForResource")
DESCRIBE_BUCKET = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
)
# The description of the secret; never its value.
DESCRIBE_SECRET = ("secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy")
DESCRIBE_TOPIC = ("sns:GetTopicAttributes", "sns:ListTagsForResource")

# --- The pipeline: what Terraform calls to make, change and destroy ---

CHANGE_API = ("apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT")
CHANGE_ALARMS = (
    "cloudwatch:DeleteAlarms",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:TagResource",
    "cloudwatch:UntagResource",
)
CHANGE_DASHBOARD = ("cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard")
CHANGE_TABLE = (
    "dynamodb:CreateTable",
    "dynamodb:DeleteTable",
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
)
# These two decide what the role may become: allowed only with the boundary on it.
CREATE_ROLE = ("iam:CreateRole", "iam:PutRolePolicy")
CHANGE_ROLE = (
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
)
PASS_ROLE = ("iam:PassRole",)
CHANGE_FUNCTION = (
    "lambda:AddPermission",
    "lambda:CreateAlias",
    "lambda:CreateFunction",
    "lambda:DeleteAlias",
    "lambda:DeleteFunction",
    "lambda:DeleteFunctionConcurrency",
    "lambda:DeleteProvisionedConcurrencyConfig",
    "lambda:PublishVersion",
    "lambda:PutFunctionConcurrency",
    "lambda:PutProvisionedConcurrencyConfig",
    "lambda:RemovePermission",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateAlias",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
)
CHANGE_LOG_GROUP = (
    "logs:CreateLogGroup",
    "logs:DeleteLogGroup",
    "logs:DeleteMetricFilter",
    "logs:DeleteRetentionPolicy",
    "logs:PutMetricFilter",
    "logs:PutRetentionPolicy",
    "logs:TagResource",
    "logs:UntagResource",
)
CHANGE_BUCKET = (
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:ListBucketVersions",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)
# A bucket is destroyed with what is in it.
EMPTY_BUCKET = ("s3:DeleteObject", "s3:DeleteObjectVersion")
CHANGE_SECRET = (
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecret",
)
CHANGE_TOPIC = (
    "sns:CreateTopic",
    "sns:DeleteTopic",
    "sns:SetTopicAttributes",
    "sns:TagResource",
    "sns:UntagResource",
)

# --- The pipeline: its own state and signatures ---

STATE_LIST = ("s3:ListBucket",)
STATE_READ = ("s3:GetObject",)
STATE_WRITE = ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")
SIGN = ("kms:GetPublicKey", "kms:Sign")

# What the account itself may do with a signing key: look after it and name it, not use it.
KEY_CARE = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:GetPublicKey",
    "kms:ListGrants",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
