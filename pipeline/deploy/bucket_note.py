"""A note in an account's state bucket that helps where it can, and never stands in the way."""

from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account


@dataclass(frozen=True, slots=True)
class BucketNote:
    """One object.

    Attributes:
        account: Whose bucket.
        bucket: Its name.
        key: The object's.
    """

    account: Account
    bucket: str
    key: str

    def put(self, content: bytes) -> None:
        """Keep this in place of what is there, if the bucket can be written."""
        with suppress(BotoCoreError, ClientError):
            self.account.client("s3").put_object(Bucket=self.bucket, Key=self.key, Body=content)

    def get(self) -> bytes | None:
        """Return what is there; None where nothing is.

        Raises:
            TollgateError: The bucket cannot be read.
        """
        try:
            found = self.account.client("s3").get_object(Bucket=self.bucket, Key=self.key)
            content: bytes = found["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchBucket", "404"}:
                return None
            raise self._unreadable(error) from error
        except BotoCoreError as error:
            raise self._unreadable(error) from error
        return content

    def remove(self) -> None:
        """Forget it, if the bucket can be written: to find it again is harmless."""
        with suppress(BotoCoreError, ClientError):
            self.account.client("s3").delete_object(Bucket=self.bucket, Key=self.key)

    def _unreadable(self, error: Exception) -> TollgateError:
        message = f"{self.key} in {self.bucket} cannot be read: {error}"
        return TollgateError(message, "check the account's credentials and the network, then run again")
