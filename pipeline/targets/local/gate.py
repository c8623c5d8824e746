"""Who may talk to an account: programs of this machine, signed, and meaning this account."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

DATA_PLANE = "/_aws/execute-api/"
"""Calls of a deployed API: anybody's, as on AWS; the API itself asks for its key."""

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|[a-z0-9.-]+\.localhost)(?::\d+)?", re.IGNORECASE)
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/")
_EMULATORS_OWN = re.compile(r"/_(?:ministack|localstack)/")
_PACKAGE_LINK = re.compile(r"/_ministack/lambda-(?:code|layers)/")
"""Links to packages of functions, as GetFunction gives them; they carry their own secret."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further.

    Attributes:
        status: The HTTP status to answer with.
        code: The error's name, as AWS has it.
        message: The sentence.
    """

    status: int
    code: str
    message: str


def refusal(scope: Mapping[str, Any], account_id: str) -> Refusal | None:
    """Return why the account must not answer this request, or None where it may.

    The emulator alone would take an unsigned request, and any twelve digits, for the root user; would let
    a web page of any origin call it; and would let anybody wipe it through its administration paths.
    """
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"]
    if not _LOOPBACK.fullmatch(headers.get("host", "")):
        return Refusal(403, "AccessDenied", "this account answers to loopback addresses only")
    if path.startswith(DATA_PLANE):
        return None
    origin = headers.get("origin")
    if origin is not None and not _LOOPBACK.fullmatch(urlsplit(origin).netloc):
        return Refusal(403, "AccessDenied", "this account takes no calls from web pages")
    if _EMULATORS_OWN.match(path):
        if _PACKAGE_LINK.match(path):
            return None
        return Refusal(403, "AccessDenied", "the emulator's administration is closed; use `tollgate cloud`")
    return _unsigned(_access_key(headers, scope.get("query_string", b"").decode("latin-1")), account_id)


def _unsigned(key: str | None, account_id: str) -> Refusal | None:
    """Return why a request with this access key is not one of the account's, or None where it can be."""
    if key is None:
        return Refusal(403, "MissingAuthenticationToken", "the request is not signed")
    if key == "test" or (re.fullmatch(r"[0-9]{12}", key) and key != account_id):
        return Refusal(403, "InvalidClientTokenId", f"the security token is not one of account {account_id}")
    return None


def _access_key(headers: Mapping[str, str], query: str) -> str | None:
    signed = _CREDENTIAL.search(headers.get("authorization", ""))
    if signed:
        return signed.group(1)
    presigned = parse_qs(query).get("X-Amz-Credential")
    return presigned[0].split("/")[0] if presigned else None
