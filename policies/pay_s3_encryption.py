"""Objects at rest."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayS3Encryption(Policy):
    """Every bucket is encrypted with a key that AWS manages.

    Risk: payment records lie readable on disks, or behind a key that somebody can delete.
    Fix: give the bucket one encryption configuration with `aws:kms` or `AES256` and no key id.
    """

    policy = "PAY_S3_1"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No configuration, more than one, or one that encrypts differently."""
        configured = resource.users("aws_s3_bucket_server_side_encryption_configuration", "bucket")
        if len(configured) != 1:
            yield f"{len(configured)} encryption configurations, expected 1"
        for configuration in configured:
            defaults = configuration.blocks("rule", "apply_server_side_encryption_by_default")
            algorithms = [default.get("sse_algorithm") for default in defaults]
            if not algorithms or not set(algorithms) <= {"aws:kms", "AES256"}:
                yield f"encrypted by {algorithms}, expected aws:kms or AES256"
            if any(default.get("kms_master_key_id") for default in defaults):
                yield "encrypted with a key of its own"


check = PayS3Encryption()
