"""Smoke checks over the real endpoint, as the release states them: data, not code.

`${name}` in a request or an expectation is replaced: `release`, `unique` (one value per run), a secret, or what an
earlier check kept from its answer. A check is repeated while the endpoint settles, then it fails.
The endpoint is an API Gateway REST API (names of the outputs with its id and its stage) or the output with a URL.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.host.late import httpx
from pipeline.model.environment import SmokeMode
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

_SCHEMA = 1
_REQUEST_SECONDS = 35.0  # API Gateway gives up after 29
_PAUSE_SECONDS = 0.5
_PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")
_CHECK_KEYS = {"name", "writes", "request", "expect", "keep"}
_ENDPOINTS = ({"rest_api", "stage"}, {"url"})


class SmokeError(TollgateError):
    """A smoke check did not find what it expected: the change did not hold."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A deployed API, ready to be called.

    Attributes:
        url: How every call begins, without a slash at its end.
        secrets: The secrets that the checks name, such as `api_key`.
    """

    url: str
    secrets: Mapping[str, str]


def find_endpoint(checks: bytes, outputs: Mapping[str, str], account: Account) -> Endpoint:
    """Return where the deployed API answers, and with which keys.

    Raises:
        TollgateError: The checks name an output that the stack does not have, or a key cannot be read.
    """
    document = read_checks(checks)
    endpoint = document["endpoint"]
    if "url" in endpoint:
        url = _output(outputs, endpoint["url"]).rstrip("/")
    else:
        url = account.base_url(_output(outputs, endpoint["rest_api"]), _output(outputs, endpoint["stage"]))
    secrets = {}
    for name, where in document["secrets"].items():
        key_id = _output(outputs, where["api_gateway_key"])
        try:
            found = account.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)
        except (BotoCoreError, ClientError) as error:
            message = f"the API key {key_id} cannot be read: {error}"
            raise TollgateError(message, "check the account's credentials") from None
        secrets[name] = str(found["value"])
    return Endpoint(url, secrets)


def run_smoke_checks(
    checks: bytes,
    endpoint: Endpoint,
    *,
    release: str,
    mode: SmokeMode,
    settle_seconds: float,
    say: Callable[[str], None],
) -> tuple[str, ...]:
    """Run the checks in order and return the names of those that passed.

    Args:
        checks: The release's smoke checks.
        endpoint: The deployed API.
        release: Digest that the endpoint must say it runs.
        mode: `read-only` leaves out every check that writes.
        settle_seconds: How long, over all checks together, wrong answers may be repeated.
        say: Told which check runs.

    Raises:
        SmokeError: A check failed; the message says what it asked, expected and got.
    """
    values = {"release": release, "unique": f"smoke-{uuid.uuid4().hex}", **endpoint.secrets}
    passed = []
    until = time.monotonic() + settle_seconds
    with httpx.Client(timeout=_REQUEST_SECONDS, trust_env=False) as client:
        for check in read_checks(checks)["checks"]:
            if check["writes"] and mode == "read-only":
                continue
            say(check["name"])
            _insist_on_values(check, values)
            while True:
                difference, kept = _ask(client, endpoint.url, check, values)
                if difference is None:
                    break
                if time.monotonic() > until:
                    message = f"the smoke check {check['name']!r} failed: {difference}"
                    raise SmokeError(message)
                time.sleep(_PAUSE_SECONDS)
            values |= kept
            passed.append(check["name"])
    if not passed:
        message = "the release has no smoke check that may run here, so nothing shows that it works"
        raise SmokeError(message, "add one that writes nothing")
    return tuple(passed)


def read_checks(content: bytes) -> dict[str, Any]:
    """Return the smoke checks of a release, their shape verified.

    Raises:
        TollgateError: They are not what this version of Tollgate knows.
    """
    try:
        document = json.loads(content)
        known = document["schema"] == _SCHEMA and set(document) == {"schema", "endpoint", "secrets", "checks"}
        whole = (
            set(document["endpoint"]) in _ENDPOINTS
            and all(isinstance(output, str) for output in document["endpoint"].values())
            and all(set(secret) == {"api_gateway_key"} for secret in document["secrets"].values())
            and isinstance(document["checks"], list)
            and all(_is_whole(check) for check in document["checks"])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = whole = False
    if not known or not whole:
        message = "the release's smoke checks are not of a shape that this version of Tollgate knows"
        raise TollgateError(message, "compare app/smoke.json with the one in the repository")
    checked: dict[str, Any] = document
    return checked


def _is_whole(check: Mapping[str, Any]) -> bool:
    """Whether a check has exactly what a check has: a misspelt expectation must not be one that cannot fail."""
    request, expect, keep = check["request"], check["expect"], check.get("keep", {})
    return (
        {"name", "writes", "request", "expect"} <= set(check) <= _CHECK_KEYS
        and isinstance(check["name"], str)
        and isinstance(check["writes"], bool)
        and {"method", "path"} <= set(request) <= {"method", "path", "headers", "json"}
        and {"status"} <= set(expect) <= {"status", "json"}
        and isinstance(expect["status"], int)
        and isinstance(expect.get("json", {}), dict)
        and isinstance(keep, dict)
        and all(isinstance(field, str) for field in keep.values())
    )


def _ask(
    client: httpx.Client, url: str, check: Mapping[str, Any], values: Mapping[str, str]
) -> tuple[str | None, dict[str, str]]:
    """Send one request; return what differs from the expectation (None if nothing) and what is to be kept."""
    request, expected = _fill(check["request"], values), _fill(check["expect"], values)
    try:
        answer = client.request(
            request["method"],
            url + request["path"],
            headers=request.get("headers"),
            json=request.get("json"),
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{request['method']} {request['path']} got no answer ({type(error).__name__}: {error})", {}
    difference, kept = _compare(answer, expected, check.get("keep", {}))
    if difference is None:
        return None, kept
    return f"{request['method']} {request['path']} answered {answer.status_code}{difference}", {}


def _compare(
    answer: httpx.Response, expected: Mapping[str, Any], keep: Mapping[str, str]
) -> tuple[str | None, dict[str, str]]:
    """Return what an answer differs in, as the end of a sentence, and what is to be kept of it."""
    if answer.status_code != expected["status"]:
        return f", expected {expected['status']}", {}
    if "json" not in expected and not keep:
        return None, {}
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return " with a body that is no JSON object", {}
    for name, value in expected.get("json", {}).items():
        # To Python true is 1; to a caller it is not.
        if body.get(name) != value or isinstance(body.get(name), bool) is not isinstance(value, bool):
            return f", but {name} is not {value!r}", {}
    missing = [field for field in keep.values() if not isinstance(body.get(field), str)]
    if missing:
        return f" without {', '.join(missing)}", {}
    return None, {name: str(body[field]) for name, field in keep.items()}


def _insist_on_values(check: Mapping[str, Any], values: Mapping[str, str]) -> None:
    for name in _PLACEHOLDER.findall(json.dumps([check["request"], check["expect"]])):
        if name not in values:
            message = f"the smoke check {check['name']!r} asks for ${{{name}}}, which nothing has set"
            raise TollgateError(message, "mend app/smoke.json: an earlier check may keep it from its answer")


def _fill(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _fill(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [_fill(value, values) for value in part]
    if isinstance(part, str):
        return _PLACEHOLDER.sub(lambda match: values[match.group(1)], part)
    return part


def _output(outputs: Mapping[str, str], name: str) -> str:
    if name not in outputs:
        message = f"the stack has no output {name!r}, which the smoke checks need"
        raise TollgateError(message, "add the output to the stack, or mend the smoke checks")
    return outputs[name]
