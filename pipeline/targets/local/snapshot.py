"""An account's state in one file that is there whole or not at all, and says itself whether it is intact."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack.core.persistence import _json_default, _json_object_hook

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError

_FORMAT = 1


def write_snapshot(path: Path, services: Mapping[str, Any]) -> None:
    """Put the state of all services at `path`, under a header with its digest.

    Raises:
        TollgateError: It cannot be written; the snapshot before stays.
    """
    payload = json.dumps(services, default=_json_default).encode()
    header = {
        "format": _FORMAT,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    write_atomically(path, json.dumps(header, sort_keys=True).encode() + b"\n" + payload)


def read_snapshot(path: Path) -> dict[str, Any]:
    """Return the state at `path`, service by service; empty where none was ever saved.

    Raises:
        TollgateError: What is there is not what was written.
    """
    try:
        header_line, _, payload = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _corrupt(path, error.strerror or str(error)) from error
    try:
        header = json.loads(header_line)
        intact = header["format"] == _FORMAT and header["sha256"] == hashlib.sha256(payload).hexdigest()
    except (ValueError, TypeError, KeyError):
        intact = False
    if not intact:
        raise _corrupt(path, "it is not what was written")
    services: dict[str, Any] = json.loads(payload, object_hook=_json_object_hook)
    for digest in _packages(json.loads(payload)):
        package = path.parent / "lambda-blobs" / f"{digest}.zip"
        if not package.is_file() or hashlib.sha256(package.read_bytes()).hexdigest() != digest:
            raise _corrupt(package, "a function's package is missing or damaged")
    return services


def _packages(value: Any) -> set[str]:
    """Return the digests of the function packages that a snapshot refers to."""
    if isinstance(value, dict):
        own = {value["code_blob_ref"]} if isinstance(value.get("code_blob_ref"), str) else set()
        return own.union(*(_packages(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_packages(each) for each in value))
    return set()


def _corrupt(path: Path, why: str) -> TollgateError:
    message = f"the saved state of the local account cannot be used: {path}: {why}"
    return TollgateError(message, "remove this local cloud with `tollgate cloud reset`, then promote again")
