"""What S3 answers, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.model.errors import TollgateError

NOT_THERE = frozenset({"NoSuchKey", "404", "NotFound"})
ALREADY_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Let an error of the account become a sentence that begins with `what`.

    Raises:
        TollgateError: The account said no, or could not be reached.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"{what}: {error}"
        raise TollgateError(
            message, "check the account's credentials and the network, then run again"
        ) from error


def code(error: ClientError) -> str:
    """Return the code by which S3 names an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
