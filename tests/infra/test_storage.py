"""Buckets that are private, versioned, encrypted and destroyable."""

import json

import pytest

from infra.constructs.storage import (
    RETENTION_DAYS,
    PaymentStorage,
    PaymentStorageProps,
    PrivateBucket,
    PrivateBucketProps,
)
from infra.errors import InfraError
from tests.infra.synthesis import NAMES, Stack, has_resource, only, resources, synth


@pytest.fixture(scope="module")
def bucket() -> Stack:
    return synth(
        lambda scope: PrivateBucket(scope, "Bucket", PrivateBucketProps(names=NAMES, kind="receipts"))
    )


def test_name_holds_account_and_suffix(bucket: Stack) -> None:
    """A bucket's name, unique in the world, ends with the account and the instance's suffix."""
    assert has_resource(bucket, "aws_s3_bucket", {"bucket": "receipts-123456789012-pr-42"})


def test_can_be_destroyed_with_its_objects(bucket: Stack) -> None:
    """A bucket is destroyed with what is in it."""
    assert has_resource(bucket, "aws_s3_bucket", {"force_destroy": True})


def test_is_versioned(bucket: Stack) -> None:
    """An object that is overwritten keeps its older versions."""
    assert has_resource(
        bucket, "aws_s3_bucket_versioning", {"versioning_configuration": {"status": "Enabled"}}
    )


def test_is_encrypted_with_the_key_aws_manages(bucket: Stack) -> None:
    """Objects are encrypted by KMS with the AWS-managed key: none is named."""
    (rule,) = only(bucket, "aws_s3_bucket_server_side_encryption_configuration")["rule"]

    assert rule == {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"},
        "bucket_key_enabled": True,
    }


def test_is_closed_to_the_public(bucket: Stack) -> None:
    """Every way by which a bucket could become public is blocked."""
    block = only(bucket, "aws_s3_bucket_public_access_block")

    assert all(
        block[way]
        for way in (
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        )
    )


def test_belongs_to_its_owner_alone(bucket: Stack) -> None:
    """Access lists are off: the bucket's owner owns every object."""
    assert has_resource(
        bucket, "aws_s3_bucket_ownership_controls", {"rule": {"object_ownership": "BucketOwnerEnforced"}}
    )


def test_refuses_plain_http(bucket: Stack) -> None:
    """Whoever does not use TLS is refused, whatever they may otherwise do, for the bucket and its objects."""
    (statement,) = json.loads(only(bucket, "aws_s3_bucket_policy")["policy"])["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize("days", [1, 7, 30, 90, 3650])
def test_forgets_after_the_retention(days: int) -> None:
    """Current and replaced versions go after the retention; an upload that never ended goes after a day."""
    props = PrivateBucketProps(names=NAMES, kind="receipts", retention_days=days)
    stack = synth(lambda scope: PrivateBucket(scope, "Bucket", props))
    (rule,) = only(stack, "aws_s3_bucket_lifecycle_configuration")["rule"]

    assert rule["status"] == "Enabled"
    assert rule["filter"] == [{"prefix": ""}]
    assert rule["expiration"] == [{"days": days}]
    assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": days}]
    assert rule["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 1}]


@pytest.mark.parametrize("days", [RETENTION_DAYS[0] - 1, RETENTION_DAYS[1] + 1])
@pytest.mark.parametrize("field", ["retention_days", "abort_upload_days"])
def test_impossible_number_of_days_is_refused(field: str, days: int) -> None:
    """A number of days outside the range is refused with the field, the value and both ends of the range."""
    with pytest.raises(InfraError, match=rf"{field} is {days}, expected 1 to 3650"):
        PrivateBucketProps(names=NAMES, kind="receipts", **{field: days})


def test_log_and_receipts_are_apart() -> None:
    """The transaction log and the receipts have a bucket each, named for what it holds."""
    stack = synth(lambda scope: PaymentStorage(scope, "Storage", PaymentStorageProps(names=NAMES)))

    assert {body["bucket"] for body in resources(stack, "aws_s3_bucket").values()} == {
        "receipts-123456789012-pr-42",
        "transaction-logs-123456789012-pr-42",
    }
