"""Objects on their way."""

from collections.abc import Iterable

from policies.gate.iam import TRUST, Statement, statements
from policies.gate.policy import Policy
from policies.gate.stack import Resource

PLAIN = ({"Bool": {"aws:SecureTransport": "false"}}, {"Bool": {"aws:SecureTransport": ["false"]}})


class PayS3TlsOnly(Policy):
    """Every bucket is reached by TLS only.

    Risk: payment records and the requests for them can be read on the way.
    Fix: give the bucket a policy that denies `s3:*` to `*`, on it and on its objects, without TLS.
    """

    policy = "PAY_S3_2"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """No statement that denies everything to everyone who comes without TLS."""
        policies = resource.users("aws_s3_bucket_policy", "bucket")
        if not any(_refuses(s, resource) for policy in policies for s in statements(policy, TRUST)):
            yield "no bucket policy denies every action without TLS"


def _refuses(statement: Statement, bucket: Resource) -> bool:
    whole = {f"${{{bucket.address}.arn}}", f"${{{bucket.address}.arn}}/*"}
    everyone = bool({"*", "AWS:*"} & set(statement.principals))
    everything = bool({"*", "s3:*"} & set(statement.actions)) and whole <= set(statement.resources)
    return not statement.allows and everyone and everything and statement.condition in PLAIN


check = PayS3TlsOnly()
