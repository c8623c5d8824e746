"""Our own two questions to a running account."""

import http.client
import json

from pipeline.model.errors import TollgateError
from pipeline.targets.local.runrecord import RunRecord

HEALTH = "/_tollgate/health"
CHECKPOINT = "/_tollgate/checkpoint"
TOKEN_HEADER = "x-tollgate-token"  # noqa: S105 (the header's name)

_CHECKPOINT_SECONDS = 120.0


def answers(record: RunRecord, account_id: str, patience_seconds: float) -> bool:
    """Whether the process recorded answers in time, and as this account."""
    try:
        status, said = _ask(record, "GET", HEALTH, patience_seconds)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return status == 200 and said == {"account_id": account_id, "pid": str(record.pid)}


def ask_for_checkpoint(record: RunRecord, environment: str) -> None:
    """Have the account write everything to disk.

    Raises:
        TollgateError: It does not answer or could not write.
    """
    try:
        status, said = _ask(record, "POST", CHECKPOINT, _CHECKPOINT_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = f"the local account of {environment} does not answer: {error}"
        raise TollgateError(message, "start it anew with `tollgate cloud up`") from error
    if status != 200:
        message = f"the local account of {environment} could not be saved: {said.get('message', status)}"
        raise TollgateError(message, "free space or permissions, then run again")


def _ask(record: RunRecord, method: str, path: str, seconds: float) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", record.port, timeout=seconds)
    try:
        connection.request(method, path, headers={TOKEN_HEADER: record.token})
        response = connection.getresponse()
        said = json.loads(response.read())
    finally:
        connection.close()
    if not isinstance(said, dict):
        message = "it answered with something else than JSON of ours"
        raise ValueError(message)  # noqa: TRY004 (callers treat it as every other wrong answer)
    return response.status, said
