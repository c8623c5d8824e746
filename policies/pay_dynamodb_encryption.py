"""Items at rest."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource


class PayDynamodbEncryption(Policy):
    """Every table is encrypted with a key that AWS manages for this account.

    Risk: reads of payment data leave no trace in the key's log, or hang on a key that somebody can delete.
    Fix: set `server_side_encryption` to enabled, without a key.
    """

    policy = "PAY_DYNAMODB_1"
    resources = ("aws_dynamodb_table",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Anything but enabled without a key."""
        settings = resource.blocks("server_side_encryption")
        if settings != [{"enabled": True}]:
            yield f"encryption is {settings}, expected [{{'enabled': True}}]"


check = PayDynamodbEncryption()
