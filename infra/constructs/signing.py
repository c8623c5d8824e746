"""The keys that sign; what each signs, and which roles may use it."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra import permissions
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import Construct, KmsAlias, KmsKey

DELETION_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyProps:
    """What a caller decides about a key that signs.

    Attributes:
        names: Names and tags of what the account has once.
        kind: What its name begins with.
        signs: What is signed by it, in words.
        signers: What the names of the roles begin with that may sign by it.
    """

    names: InstanceNames
    kind: str
    signs: str
    signers: Sequence[str]


class SigningKey(Construct):
    """A key that signs; its private half never leaves KMS.

    Attributes:
        key_arn: The key's ARN.
        alias_name: The name to sign by.
        signers: What the names of the roles begin with that may sign by it.
    """

    def __init__(self, scope: Construct, id_: str, props: SigningKeyProps) -> None:
        super().__init__(scope, id_)
        names = props.names
        self.signers = tuple(props.signers)
        key = KmsKey(
            self,
            "Resource",
            description=f"Signs {props.signs}",
            key_usage="SIGN_VERIFY",
            customer_master_key_spec="ECC_NIST_P256",
            deletion_window_in_days=DELETION_DAYS,
            policy=self._policy(names),
            tags=names.tags,
        )
        self.key_arn: str = key.arn
        alias = KmsAlias(self, "Alias", name=f"alias/{names.of(props.kind)}", target_key_id=key.key_id)
        self.alias_name: str = alias.name

    def _policy(self, names: InstanceNames) -> str:
        account = {"AWS": f"arn:aws:iam::{names.account_id}:root"}
        # By name: the roles name the key themselves.
        signers = [f"arn:aws:iam::{names.account_id}:role/{names.of(kind)}" for kind in self.signers]
        # In a key's own policy, "*" is that key.
        return policy(
            statement("LookedAfterByTheAccount", permissions.KEY_CARE, "*", principal=account),
            statement(
                "UsedByThePipeline",
                permissions.SIGN,
                "*",
                principal=account,
                condition={"ArnEquals": {"aws:PrincipalArn": signers}},
            ),
        )
