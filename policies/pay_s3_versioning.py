"""Objects that were overwritten."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayS3Versioning(Policy):
    """Every bucket keeps the versions that were replaced.

    Risk: one wrong write or delete loses a payment record for good.
    Fix: give the bucket one versioning configuration with status Enabled.
    """

    policy = "PAY_S3_3"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Anything but one configuration that says Enabled."""
        configured = resource.users("aws_s3_bucket_versioning", "bucket")
        states = [
            block.get("status") for one in configured for block in one.blocks("versioning_configuration")
        ]
        if states != ["Enabled"]:
            yield f"versioning is {states}, expected ['Enabled']"


check = PayS3Versioning()
