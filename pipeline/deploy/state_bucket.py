"""What is kept beside an instance's Terraform state: the bucket, the key for secrets, the anchor, the lock."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.deploy.anchor import Anchor
from pipeline.deploy.bucket_note import BucketNote
from pipeline.deploy.bucket_words import ALREADY_THERE, NOT_THERE, code, in_words
from pipeline.deploy.held_lock import HeldLock
from pipeline.deploy.state import State
from pipeline.host.lock import LockHeldError, Owner
from pipeline.model.environment import Instance
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

_SECRET_KEY = "change-set.key"  # noqa: S105 - the name of the object, not the key
_KEY_BYTES = 32
_NO_CONSTRAINT = "us-east-1"
"""The one region that S3 does not want to be told."""
_TAGS: Any = {"TagSet": [{"Key": "ManagedBy", "Value": "tollgate"}, {"Key": "Project", "Value": "tollgate"}]}


def _tls_only(bucket: str) -> str:
    denied = {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [denied]})


@dataclass(frozen=True, slots=True)
class StateBucket:
    """The bucket of one account in which the states of its instances are.

    Attributes:
        account: The account it belongs to.
    """

    account: Account

    @property
    def name(self) -> str:
        """Its name: global in S3, so the account's id is in it."""
        return f"tollgate-state-{self.account.account_id}"

    def state(self, instance: Instance) -> State:
        """Return the Terraform state of an instance."""
        return State(
            self.account,
            self.name,
            f"{instance.environment}/{instance.suffix}/terraform.tfstate",
            place=str(instance),
            stem=instance.file_stem,
            unlock=f"nox -s break_lock -- {instance.on_command_line} --reason TEXT",
        )

    def account_state(self, environment: str) -> State:
        """Return the state of what the account of an environment has once."""
        locks = f's3://{self.name}/bootstrap --recursive --exclude "*" --include "*lock"'
        return State(
            self.account,
            self.name,
            "bootstrap/terraform.tfstate",
            place=f"the account of {environment}",
            stem=f"bootstrap.{environment}",
            unlock=f"aws s3 rm {locks}",
        )

    @property
    def account_is_done(self) -> BucketNote:
        """Where it is noted that the account has got all of what it has once."""
        return BucketNote(self.account, self.name, "bootstrap/done")

    def ensure(self) -> None:
        """Make the bucket if it is not there.

        Raises:
            TollgateError: It cannot be made, or belongs to somebody else.
        """
        with in_words(f"the state bucket {self.name} cannot be made"):
            if not self._is_there():
                self.make()

    def make(self) -> None:
        """Make the bucket as it has to be: versioned, encrypted, closed to the public. Repeating it repairs it.

        A policy and tags that somebody has put on it stay; ours, by which nobody comes without TLS, it gets if it has
        none.

        Raises:
            TollgateError: It cannot be made, or belongs to somebody else.
        """
        s3 = self.account.client("s3")
        with in_words(f"the state bucket {self.name} cannot be made"):
            if not self._is_there():
                where = {"CreateBucketConfiguration": {"LocationConstraint": self.account.region}}
                s3.create_bucket(Bucket=self.name, **({} if self.account.region == _NO_CONSTRAINT else where))
            s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
            s3.put_bucket_encryption(
                Bucket=self.name,
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
            )
            closed = dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            )
            s3.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=closed)
            if self._lacks(s3.get_bucket_policy, "NoSuchBucketPolicy"):
                s3.put_bucket_policy(Bucket=self.name, Policy=_tls_only(self.name))
            if self._lacks(s3.get_bucket_tagging, "NoSuchTagSet"):
                s3.put_bucket_tagging(Bucket=self.name, Tagging=_TAGS)

    def _lacks(self, asked: Callable[..., object], answer: str) -> bool:
        try:
            asked(Bucket=self.name)
        except ClientError as error:
            if code(error) != answer:
                raise
            return True
        return False

    def _is_there(self) -> bool:
        try:
            self.account.client("s3").head_bucket(
                Bucket=self.name, ExpectedBucketOwner=self.account.account_id
            )
        except ClientError as error:
            if code(error) not in NOT_THERE:
                raise
            return False
        return True

    def secret_key(self) -> bytes:
        """Return the key of the digests that stand for secrets, made once, kept where only the state is.

        Raises:
            TollgateError: The bucket cannot be read or written.
        """
        s3 = self.account.client("s3")
        with in_words("the key for change sets cannot be read"):
            try:
                return self._get(_SECRET_KEY)
            except ClientError as error:
                if code(error) not in NOT_THERE:
                    raise
            with _lose_quietly():
                s3.put_object(
                    Bucket=self.name, Key=_SECRET_KEY, Body=secrets.token_bytes(_KEY_BYTES), IfNoneMatch="*"
                )
            return self._get(_SECRET_KEY)

    def anchor(self, instance: Instance) -> Anchor | None:
        """Return the newest ledger entry that was noted beside the instance's state; None where none ever was.

        Raises:
            TollgateError: It cannot be read, or is no anchor.
        """
        return self._anchor(instance)[0]

    def write_anchor(self, instance: Instance, number: int, digest: str) -> None:
        """Note the newest ledger entry beside the instance's state, so that a shortened ledger is noticed.

        It moves forward only, and by a conditional write: of two promoters one is told that the other is there.

        Args:
            instance: Whose anchor it is.
            number: The entry's number.
            digest: The entry's digest.

        Raises:
            TollgateError: A newer entry or another one of that number is noted there already, somebody else wrote
                at the same moment, or the bucket cannot be reached.
        """
        mine = Anchor(number, digest)
        found, tag = self._anchor(instance)
        if found is not None:
            mine.insist_follows(found, instance)
        if found == mine:
            return
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        key = _anchor_key(instance)
        with in_words(f"the anchor of {instance} cannot be written"):
            try:
                self.account.client("s3").put_object(
                    Bucket=self.name, Key=key, Body=mine.to_json(), **condition
                )
            except ClientError as error:
                if code(error) not in {*ALREADY_THERE, *NOT_THERE}:
                    raise
                # An answer that was lost on its way is asked for again, and then finds what we wrote ourselves.
                if self.anchor(instance) != mine:
                    message = f"somebody else moved the anchor of {instance} at the same moment"
                    raise TollgateError(
                        message, "wait until they end, then run the same command again"
                    ) from None

    def locks(self, instance: Instance) -> tuple[HeldLock, ...]:
        """Return the locks that lie beside an instance's state: a promoter's, Terraform's.

        Raises:
            TollgateError: They cannot be read.
        """
        state = self.state(instance)
        readers = {state.promotion_key: HeldLock.of_promoter, state.lock_key: HeldLock.of_terraform}
        s3 = self.account.client("s3")
        locks = []
        with in_words(f"the locks of {instance} cannot be read"):
            for key, read in readers.items():
                try:
                    found = s3.get_object(Bucket=self.name, Key=key)
                except ClientError as error:
                    if code(error) not in {*NOT_THERE, "NoSuchBucket"}:
                        raise
                    continue
                locks.append(read(key, str(found["ETag"]), found["Body"].read()))
        return tuple(locks)

    def remove(self, lock: HeldLock) -> None:
        """Remove a lock, unless somebody else has taken it since it was read.

        Raises:
            TollgateError: It cannot be removed.
        """
        s3 = self.account.client("s3")
        with in_words(f"the lock {lock.key} cannot be removed"):
            try:
                if s3.head_object(Bucket=self.name, Key=lock.key)["ETag"] == lock.tag:
                    s3.delete_object(Bucket=self.name, Key=lock.key)
            except ClientError as error:
                if code(error) not in NOT_THERE:
                    raise

    @contextmanager
    def promotion_lock(self, state: State, what: str, say: Callable[[str], None]) -> Iterator[None]:
        """Hold what a state is of against promoters on every machine while the block runs.

        A lock whose owner ran on this machine and is provably dead is taken over; any other is respected.

        Raises:
            LockHeldError: Somebody else is at work there.
        """
        key = state.promotion_key
        s3 = self.account.client("s3")
        mine = Owner.me(what).to_json().encode()
        with in_words(f"the lock of {state.place} cannot be taken"):
            tag = self._take(s3, state, mine, say)
        try:
            yield
        finally:
            # A lock that cannot be given back names its dead owner, and the next run takes it over.
            with suppress(BotoCoreError, ClientError):
                if s3.head_object(Bucket=self.name, Key=key)["ETag"] == tag:
                    s3.delete_object(Bucket=self.name, Key=key)

    def _take(self, s3: Any, state: State, mine: bytes, say: Callable[[str], None]) -> str:
        key = state.promotion_key
        try:
            return str(s3.put_object(Bucket=self.name, Key=key, Body=mine, IfNoneMatch="*")["ETag"])
        except ClientError as error:
            if code(error) not in ALREADY_THERE:
                raise
        found = s3.get_object(Bucket=self.name, Key=key)
        owner = Owner.from_json(found["Body"].read().decode(errors="replace"))
        # Another checkout's run may be dead while its Terraform lives; of our own checkout's the kernel knows.
        if owner is None or not owner.is_provably_dead or state.terraforms_at_work():
            raise _held(state, owner)
        say(f"taking over from a dead run: {owner}")
        try:
            return str(s3.put_object(Bucket=self.name, Key=key, Body=mine, IfMatch=found["ETag"])["ETag"])
        except ClientError as error:
            if code(error) not in ALREADY_THERE:
                raise
            raise _held(state, None) from None

    def _anchor(self, instance: Instance) -> tuple[Anchor | None, str | None]:
        """Return the anchor and the tag on which a write of the next one is conditional."""
        with in_words(f"the anchor of {instance} cannot be read"):
            try:
                found = self.account.client("s3").get_object(Bucket=self.name, Key=_anchor_key(instance))
                content = found["Body"].read()
            except ClientError as error:
                if code(error) not in NOT_THERE:
                    raise
                return None, None
        return Anchor.from_json(content, f"the anchor of {instance} in {self.name}"), str(found["ETag"])

    def _get(self, key: str) -> bytes:
        content: bytes = self.account.client("s3").get_object(Bucket=self.name, Key=key)["Body"].read()
        return content


def _anchor_key(instance: Instance) -> str:
    return f"anchor/{instance.file_stem}.json"


def _held(state: State, owner: Owner | None) -> LockHeldError:
    message = f"another promotion is at work there: {owner or 'somebody unknown'}"
    hint = f"wait until it ends, then run the same command again; if it never will, `{state.unlock}`"
    return LockHeldError(message, hint)


@contextmanager
def _lose_quietly() -> Iterator[None]:
    """Let a conditional write lose quietly: somebody else wrote the same thing first."""
    try:
        yield
    except ClientError as error:
        if code(error) not in ALREADY_THERE:
            raise
