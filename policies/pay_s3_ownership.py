"""Who owns objects."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayS3Ownership(Policy):
    """Every bucket owns what is written into it.

    Risk: an object's writer keeps control over it, past every policy of the bucket.
    Fix: give the bucket one ownership control with BucketOwnerEnforced.
    """

    policy = "PAY_S3_6"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Anything but one control that says BucketOwnerEnforced."""
        controls = resource.users("aws_s3_bucket_ownership_controls", "bucket")
        owners = [rule.get("object_ownership") for control in controls for rule in control.blocks("rule")]
        if owners != ["BucketOwnerEnforced"]:
            yield f"ownership is {owners}, expected ['BucketOwnerEnforced']"


check = PayS3Ownership()
