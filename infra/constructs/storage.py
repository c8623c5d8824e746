"""Object storage: the transaction log and the receipts."""

from dataclasses import dataclass

from infra import permissions
from infra.checks import within
from infra.constructs.compute import ApiFunction
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import (
    Construct,
    S3Bucket,
    S3BucketEncryption,
    S3BucketEncryptionDefault,
    S3BucketEncryptionRule,
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
    S3BucketOwnershipControls,
    S3BucketOwnershipControlsRule,
    S3BucketPolicy,
    S3BucketPublicAccessBlock,
    S3BucketVersioning,
    S3BucketVersioningVersioningConfiguration,
)

RETENTION_DAYS = (1, 3650)


def check_days(name: str, days: int) -> None:
    """Refuse a number of days that no lifecycle rule of ours should have."""
    within(
        name,
        days,
        *RETENTION_DAYS,
        why="a lifecycle rule counts whole days, and we keep nothing over ten years",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateBucketProps:
    """What a caller decides about a bucket.

    Attributes:
        names: Names and tags of the instance the bucket belongs to.
        kind: What the bucket holds; its name starts with it.
        retention_days: Days after which an object expires, and days after which a version that was replaced
        or
            expired is removed for good.
            Default: 90.
        abort_upload_days: Days after which an upload that was begun and never ended is removed.
            Default: 1.
    """

    names: InstanceNames
    kind: str
    retention_days: int = 90
    abort_upload_days: int = 1

    def __post_init__(self) -> None:
        """Refuse what S3 or good sense would refuse later."""
        check_days("retention_days", self.retention_days)
        check_days("abort_upload_days", self.abort_upload_days)


class PrivateBucket(Construct):
    """A bucket that is versioned, encrypted, closed to the public, reached by TLS only, and emptied by time.

    It can always be destroyed, with what is in it.

    Attributes:
        bucket_name: The bucket's name.
        bucket_arn: The bucket's ARN.
    """

    def __init__(self, scope: Construct, id_: str, props: PrivateBucketProps) -> None:
        super().__init__(scope, id_)
        bucket = S3Bucket(
            self,
            "Resource",
            bucket=props.names.bucket(props.kind),
            force_destroy=True,
            tags=props.names.tags,
        )
        self.bucket_name: str = bucket.bucket
        self.bucket_arn: str = bucket.arn
        self._objects_arn = f"{self.bucket_arn}/*"
        self._bucket_id: str = bucket.id
        block = self._build_public_access_block()
        self._build_ownership()
        self._build_encryption()
        versioning = self._build_versioning()
        self._build_tls_only_policy(after=block)
        self._build_lifecycle(props, after=versioning)

    def grant_write(self, function: ApiFunction, id_: str) -> None:
        """Let the function put objects into the bucket."""
        function.allow(id_, statement("PutObjects", permissions.OBJECT_WRITE, self._objects_arn))

    def grant_read_write(self, function: ApiFunction, id_: str) -> None:
        """Let the function put objects into the bucket and read them."""
        actions = (*permissions.OBJECT_READ, *permissions.OBJECT_WRITE)
        function.allow(id_, statement("GetAndPutObjects", actions, self._objects_arn))

    def _build_public_access_block(self) -> S3BucketPublicAccessBlock:
        return S3BucketPublicAccessBlock(
            self,
            "PublicAccessBlock",
            bucket=self._bucket_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )

    def _build_ownership(self) -> None:
        rule = S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced")
        S3BucketOwnershipControls(self, "Ownership", bucket=self._bucket_id, rule=rule)

    def _build_encryption(self) -> None:
        # No key id: the AWS-managed key `aws/s3`. A bucket key spares a KMS call for each object.
        by_default = S3BucketEncryptionDefault(sse_algorithm="aws:kms")
        rule = S3BucketEncryptionRule(
            apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True
        )
        S3BucketEncryption(self, "Encryption", bucket=self._bucket_id, rule=[rule])

    def _build_versioning(self) -> S3BucketVersioning:
        enabled = S3BucketVersioningVersioningConfiguration(status="Enabled")
        return S3BucketVersioning(
            self, "Versioning", bucket=self._bucket_id, versioning_configuration=enabled
        )

    def _build_tls_only_policy(self, *, after: S3BucketPublicAccessBlock) -> None:
        refuse_plain_http = statement(
            "RefusePlainHttp",
            permissions.DENY_ANY_BUCKET_ACTION,
            [self.bucket_arn, self._objects_arn],
            principal="*",
            condition={"Bool": {"aws:SecureTransport": "false"}},
            effect="Deny",
        )
        # S3 refuses two changes to a bucket's access at once: one after the other.
        S3BucketPolicy(
            self, "Policy", bucket=self._bucket_id, policy=policy(refuse_plain_http), depends_on=[after]
        )

    def _build_lifecycle(self, props: PrivateBucketProps, *, after: S3BucketVersioning) -> None:
        everything = S3BucketLifecycleConfigurationRuleFilter(prefix="")
        retention = S3BucketLifecycleConfigurationRule(
            id="retention",
            status="Enabled",
            filter=[everything],
            expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=props.retention_days)],
            noncurrent_version_expiration=[
                S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                    noncurrent_days=props.retention_days
                )
            ],
            abort_incomplete_multipart_upload=[
                S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                    days_after_initiation=props.abort_upload_days
                )
            ],
        )
        S3BucketLifecycleConfiguration(
            self, "Lifecycle", bucket=self._bucket_id, rule=[retention], depends_on=[after]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStorageProps:
    """What a caller decides about the storage of a payment API.

    Attributes:
        names: Names and tags of the instance.
        retention_days: Days that transaction logs and receipts are kept.
            Default: 90.
    """

    names: InstanceNames
    retention_days: int = 90


class PaymentStorage(Construct):
    """Two buckets, apart because their readers differ: the transaction log and the receipts.

    Attributes:
        transaction_log: The bucket of the transaction log.
        receipts: The bucket of the receipts.
    """

    def __init__(self, scope: Construct, id_: str, props: PaymentStorageProps) -> None:
        super().__init__(scope, id_)
        self.transaction_log = PrivateBucket(
            self,
            "TransactionLog",
            PrivateBucketProps(
                names=props.names, kind="transaction-logs", retention_days=props.retention_days
            ),
        )
        self.receipts = PrivateBucket(
            self,
            "Receipts",
            PrivateBucketProps(names=props.names, kind="receipts", retention_days=props.retention_days),
        )
