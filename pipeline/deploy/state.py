"""A Terraform state in the bucket of its account: what it says, and who is at work on it."""

import json
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipeline.deploy.bucket_note import BucketNote
from pipeline.deploy.bucket_words import NOT_THERE, code, in_words
from pipeline.deploy.terraform_binary import parse_version
from pipeline.host.survivors import terraforms_at_work
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account


@dataclass(frozen=True, slots=True)
class State:
    """One state.

    Attributes:
        account: Whose.
        bucket: The bucket's name.
        key: Where it is there.
        place: What it is the state of, in words: `dev/pr-1`.
        stem: A name for files about it.
        unlock: How a person removes a lock on it whose holder is gone.
    """

    account: Account
    bucket: str
    key: str
    place: str
    stem: str
    unlock: str

    @property
    def lock_key(self) -> str:
        """Where Terraform's lock on it is."""
        return f"{self.key}.tflock"

    @property
    def promotion_key(self) -> str:
        """Where the lock of whoever changes what it is of is."""
        return f"{self._folder}/promotion.lock"

    @property
    def note(self) -> BucketNote:
        """Where it is noted what an apply has made until Terraform has saved the state."""
        return BucketNote(self.account, self.bucket, f"{self._folder}/apply.jsonl")

    def terraforms_at_work(self) -> tuple[int, ...]:
        """Return the processes of this machine and user, not started by this one, that work on it."""
        endpoint = self.account.environment.get("AWS_ENDPOINT_URL")
        return terraforms_at_work(self.bucket, self.key, endpoint)

    def insist_on_version(self, terraform_version: str) -> None:
        """Refuse to hand it to an older Terraform than the one that wrote it.

        Raises:
            TollgateError: It would be, or the state is not readable.
        """
        try:
            content = self._content()
            if content is None:
                return
            wrote = str(json.loads(content)["terraform_version"])
            numbers = parse_version(wrote)
        except (ValueError, KeyError, TypeError):
            message = f"the state of {self.place} is damaged: it is not a Terraform state"
            raise TollgateError(message, f"restore an older version of it in {self.bucket}") from None
        if numbers > parse_version(terraform_version):
            message = (
                f"the state of {self.place} was written by Terraform {wrote}; this one is {terraform_version}"
            )
            raise TollgateError(message, f"use Terraform {wrote} or newer, for example by TOLLGATE_TERRAFORM")

    def resource_count(self) -> int:
        """Return how many resources it holds; 0 where there is no state.

        Raises:
            TollgateError: It cannot be read.
        """
        return len(self.resource_ids())

    def resource_ids(self) -> dict[str, str | None]:
        """Return the id of each resource in it, by address; nothing where there is no state.

        Raises:
            TollgateError: It cannot be read.
        """
        content = self._content()
        if content is None:
            return {}
        found = {}
        for resource in json.loads(content)["resources"]:
            if resource["mode"] == "managed":
                module = f"{resource['module']}." if "module" in resource else ""
                for each in resource["instances"]:
                    key = f"[{json.dumps(each['index_key'])}]" if "index_key" in each else ""
                    left_over = f" ({each['deposed']})" if "deposed" in each else ""
                    address = f"{module}{resource['type']}.{resource['name']}{key}{left_over}"
                    found[address] = each["attributes"].get("id")
        return found

    @property
    def _folder(self) -> str:
        return self.key.rpartition("/")[0]

    def _content(self) -> bytes | None:
        with in_words(f"the state of {self.place} cannot be read"):
            try:
                found = self.account.client("s3").get_object(Bucket=self.bucket, Key=self.key)
                content: bytes = found["Body"].read()
            except ClientError as error:
                if code(error) not in NOT_THERE:
                    raise
                return None
        return content
