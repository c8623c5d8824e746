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
from pipeline.deploy.held_lock import HeldLock
from pipeline.deploy.terraform_binary import parse_version
from pipeline.host.lock import LockHeldError, Owner
from pipeline.host.survivors import terraforms_at_work
from pipeline.model.environment import Instance
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

_SECRET_KEY = "change-set.key"  # noqa: S105 - the name of the object, not the key
_KEY_BYTES = 32
_ALREADY_THERE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_NOT_THERE = {"NoSuchKey", "404", "NotFound"}


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

    def state_key(self, instance: Instance) -> str:
        """Return where an instance's Terraform state is."""
        return f"{instance.environment}/{instance.suffix}/terraform.tfstate"

    def ensure(self) -> None:
        """Make the bucket if it is not there: versioned, encrypted, closed to the public. Repeating it is harmless.

        Raises:
            TollgateError: It cannot be made, or belongs to somebody else.
        """
        s3 = self.account.client("s3")
        with _in_words(f"the state bucket {self.name} cannot be made"):
            try:
                s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.account.account_id)
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
                    raise
            else:
                return
            s3.create_bucket(
                Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": self.account.region}
            )
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

    def has(self, key: str) -> bool:
        """Whether the bucket is there and holds an object called `key`.

        Raises:
            TollgateError: The bucket cannot be read.
        """
        with _in_words(f"the state bucket {self.name} cannot be read"):
            try:
                self.account.client("s3").head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if _code(error) not in {*_NOT_THERE, "NoSuchBucket"}:
                    raise
                return False
        return True

    def secret_key(self) -> bytes:
        """Return the key of the digests that stand for secrets, made once, kept where only the state is.

        Raises:
            TollgateError: The bucket cannot be read or written.
        """
        s3 = self.account.client("s3")
        with _in_words("the key for change sets cannot be read"):
            try:
                return self._get(_SECRET_KEY)
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
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
        with _in_words(f"the anchor of {instance} cannot be written"):
            try:
                self.account.client("s3").put_object(
                    Bucket=self.name, Key=key, Body=mine.to_json(), **condition
                )
            except ClientError as error:
                if _code(error) not in {*_ALREADY_THERE, *_NOT_THERE}:
                    raise
                # An answer that was lost on its way is asked for again, and then finds what we wrote ourselves.
                if self.anchor(instance) != mine:
                    message = f"somebody else moved the anchor of {instance} at the same moment"
                    raise TollgateError(
                        message, "wait until they end, then run the same command again"
                    ) from None

    def insist_on_version(self, instance: Instance, terraform_version: str) -> None:
        """Refuse to hand a state to an older Terraform than the one that wrote it.

        Raises:
            TollgateError: It would be, or the state is not readable.
        """
        with _in_words(f"the state of {instance} cannot be read"):
            try:
                state = json.loads(self._get(self.state_key(instance)))
                wrote = str(state["terraform_version"])
                numbers = parse_version(wrote)
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                return
            except (ValueError, KeyError, TypeError):
                message = f"the state of {instance} is damaged: it is not a Terraform state"
                raise TollgateError(message, f"restore an older version of it in {self.name}") from None
        if numbers > parse_version(terraform_version):
            message = (
                f"the state of {instance} was written by Terraform {wrote}; this one is {terraform_version}"
            )
            raise TollgateError(message, f"use Terraform {wrote} or newer, for example by TOLLGATE_TERRAFORM")

    def resource_count(self, instance: Instance) -> int:
        """Return how many resources the state of an instance holds; 0 where there is no state.

        Raises:
            TollgateError: The state cannot be read.
        """
        return len(self.resource_ids(instance))

    def resource_ids(self, instance: Instance) -> dict[str, str | None]:
        """Return the id of each resource in the state of an instance, by address; nothing where there is no state.

        Raises:
            TollgateError: The state cannot be read.
        """
        with _in_words(f"the state of {instance} cannot be read"):
            try:
                state = json.loads(self._get(self.state_key(instance)))
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                return {}
        found = {}
        for resource in state["resources"]:
            if resource["mode"] == "managed":
                module = f"{resource['module']}." if "module" in resource else ""
                for each in resource["instances"]:
                    key = f"[{json.dumps(each['index_key'])}]" if "index_key" in each else ""
                    left_over = f" ({each['deposed']})" if "deposed" in each else ""
                    address = f"{module}{resource['type']}.{resource['name']}{key}{left_over}"
                    found[address] = each["attributes"].get("id")
        return found

    def note(self, instance: Instance) -> BucketNote:
        """Return where it is noted what an apply has made until Terraform has saved its state."""
        return BucketNote(self.account, self.name, f"{instance.environment}/{instance.suffix}/apply.jsonl")

    def terraforms_at_work(self, instance: Instance) -> tuple[int, ...]:
        """Return the processes of this machine and user, not started by this one, that work on an instance's state."""
        endpoint = self.account.environment.get("AWS_ENDPOINT_URL")
        return terraforms_at_work(self.name, self.state_key(instance), endpoint)

    def locks(self, instance: Instance) -> tuple[HeldLock, ...]:
        """Return the locks that lie beside an instance's state: a promoter's, Terraform's.

        Raises:
            TollgateError: They cannot be read.
        """
        readers = {
            _lock_key(instance): HeldLock.of_promoter,
            f"{self.state_key(instance)}.tflock": HeldLock.of_terraform,
        }
        s3 = self.account.client("s3")
        locks = []
        with _in_words(f"the locks of {instance} cannot be read"):
            for key, read in readers.items():
                try:
                    found = s3.get_object(Bucket=self.name, Key=key)
                except ClientError as error:
                    if _code(error) not in {*_NOT_THERE, "NoSuchBucket"}:
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
        with _in_words(f"the lock {lock.key} cannot be removed"):
            try:
                if s3.head_object(Bucket=self.name, Key=lock.key)["ETag"] == lock.tag:
                    s3.delete_object(Bucket=self.name, Key=lock.key)
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
                    raise

    @contextmanager
    def promotion_lock(self, instance: Instance, what: str, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the instance against promoters on every machine while the block runs.

        A lock whose owner ran on this machine and is provably dead is taken over; any other is respected.

        Raises:
            LockHeldError: Somebody else is at work there.
        """
        key = _lock_key(instance)
        s3 = self.account.client("s3")
        mine = Owner.me(what).to_json().encode()
        with _in_words(f"the lock of {instance} cannot be taken"):
            tag = self._take(s3, instance, mine, say)
        try:
            yield
        finally:
            # A lock that cannot be given back names its dead owner, and the next run takes it over.
            with suppress(BotoCoreError, ClientError):
                if s3.head_object(Bucket=self.name, Key=key)["ETag"] == tag:
                    s3.delete_object(Bucket=self.name, Key=key)

    def _take(self, s3: Any, instance: Instance, mine: bytes, say: Callable[[str], None]) -> str:
        key = _lock_key(instance)
        try:
            return str(s3.put_object(Bucket=self.name, Key=key, Body=mine, IfNoneMatch="*")["ETag"])
        except ClientError as error:
            if _code(error) not in _ALREADY_THERE:
                raise
        found = s3.get_object(Bucket=self.name, Key=key)
        owner = Owner.from_json(found["Body"].read().decode(errors="replace"))
        # Another checkout's run may be dead while its Terraform lives; of our own checkout's the kernel knows.
        if owner is None or not owner.is_provably_dead or self.terraforms_at_work(instance):
            raise _held(owner)
        say(f"taking over from a dead run: {owner}")
        try:
            return str(s3.put_object(Bucket=self.name, Key=key, Body=mine, IfMatch=found["ETag"])["ETag"])
        except ClientError as error:
            if _code(error) not in _ALREADY_THERE:
                raise
            raise _held(None) from None

    def _anchor(self, instance: Instance) -> tuple[Anchor | None, str | None]:
        """Return the anchor and the tag on which a write of the next one is conditional."""
        with _in_words(f"the anchor of {instance} cannot be read"):
            try:
                found = self.account.client("s3").get_object(Bucket=self.name, Key=_anchor_key(instance))
                content = found["Body"].read()
            except ClientError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                return None, None
        return Anchor.from_json(content, f"the anchor of {instance} in {self.name}"), str(found["ETag"])

    def _get(self, key: str) -> bytes:
        content: bytes = self.account.client("s3").get_object(Bucket=self.name, Key=key)["Body"].read()
        return content


def _lock_key(instance: Instance) -> str:
    return f"{instance.environment}/{instance.suffix}/promotion.lock"


def _anchor_key(instance: Instance) -> str:
    return f"anchor/{instance.file_stem}.json"


def _held(owner: Owner | None) -> LockHeldError:
    message = f"another promotion is at work there: {owner or 'somebody unknown'}"
    hint = "wait until it ends, then run the same command again; if it never will, `nox -s break_lock`"
    return LockHeldError(message, hint)


@contextmanager
def _lose_quietly() -> Iterator[None]:
    """Let a conditional write lose quietly: somebody else wrote the same thing first."""
    try:
        yield
    except ClientError as error:
        if _code(error) not in _ALREADY_THERE:
            raise


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"{what}: {error}"
        raise TollgateError(
            message, "check the account's credentials and the network, then run again"
        ) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
