"""Who can see objects."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource

FLAGS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


class PayS3PublicAccess(Policy):
    """Every bucket is closed to the public, whatever else is said.

    Risk: a wrong policy or ACL publishes payment records.
    Fix: give the bucket one public access block with all four settings true.
    """

    policy = "PAY_S3_4"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No block, more than one, or one with a gap."""
        blocks = resource.users("aws_s3_bucket_public_access_block", "bucket")
        if len(blocks) != 1:
            yield f"{len(blocks)} public access blocks, expected 1"
        for block in blocks:
            yield from (f"`{flag}` is not true" for flag in FLAGS if block.body.get(flag) is not True)


check = PayS3PublicAccess()
