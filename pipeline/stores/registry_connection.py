"""Talk to one registry: requests with a login where it asks for one, patience, and errors in one sentence.

Credentials go to the registry itself and to the token server that it names, never to where it redirects us, never
unencrypted off this machine, and never into a message.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Self
from urllib.request import parse_http_list, parse_keqv_list

from pipeline.host.late import httpx
from pipeline.model.errors import TollgateError
from pipeline.stores.registry_address import Address
from pipeline.stores.registry_login import config_file, find_login

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_PAUSES = (0.5, 2.0)
_BUSY = {429, 500, 502, 503, 504}
# We hash before we send, so these mean that the registry lost its own thread: docker-registry says the first to one of
# two who push the same blob at once, and a registry of several machines the others.
_CONFUSED = {"DIGEST_INVALID", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"}
_TIMEOUT_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_WORD = re.compile(r"[A-Z][A-Z_]{1,40}")


@cache
def _certificates() -> ssl.SSLContext:
    """Return the authorities to trust, read once: those of SSL_CERT_FILE, else the ones that come with httpx."""
    return httpx.create_ssl_context()


class RegistryError(TollgateError):
    """The registry does not do what it was asked for, or does it wrong."""


class RegistryAlteredError(RegistryError):
    """What it gives is not what its digest names."""


class RegistryDownError(RegistryError):
    """It did not answer, or broke off; another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry said.

    Attributes:
        status: HTTP status.
        headers: By name, in any case.
        content: The body, whole.
        is_ours: Whether it comes from the registry itself, not from where it redirected us.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    is_ours: bool

    @property
    def error_code(self) -> str:
        """The registry's own word for what is wrong, such as `MANIFEST_UNKNOWN`; empty where it says none."""
        try:
            code = json.loads(self.content)["errors"][0]["code"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""
        # Nothing but a plain word is passed on: a registry could say anything, even what we told it in confidence.
        return code if isinstance(code, str) and _WORD.fullmatch(code) else ""


class Connection:
    """A connection to one repository, to be used as a context.

    Args:
        address: The repository.
        pushes: Whether it is to write there, which some logins may not.
    """

    def __init__(self, address: Address, *, pushes: bool) -> None:
        self.address = address
        self._pushes = pushes
        self._purpose = "push to" if pushes else "pull from"
        self._authorization: str | None = None
        self._has_login = False
        self._origin = httpx.URL(address.url)
        self._client = httpx.Client(
            headers={"User-Agent": "tollgate", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(_TIMEOUT_SECONDS, connect=_CONNECT_SECONDS),
            event_hooks={"request": [self._keep_encrypted]},
            verify=_certificates(),
            trust_env=not address.is_loopback,  # a company's proxy and certificates, but not to ourselves
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        limit: int = MAX_MANIFEST_BYTES,
    ) -> Answer:
        """Send one request, logging in where the registry asks for it, and return the answer, whatever it is.

        Args:
            method: HTTP method.
            url: A path below the repository when it starts with `/`, else what the registry gave us as a `Location`.
            headers: Beside the ones that every request has.
            content: The body.
            limit: Bytes; a longer answer is cut off behind the first byte too many.

        Raises:
            RegistryDownError: It did not answer, or not to the end.
            RegistryError: Its login cannot be had.
        """
        full = self.address.path + url if url.startswith("/") else url
        answer = self._once(method, full, headers or {}, content, limit)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status == 401 and answer.is_ours and challenge:
            self._authorization = self._log_in(challenge)
            if self._authorization is not None:
                answer = self._once(method, full, headers or {}, content, limit)
        return answer

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again, after a pause, where the registry was busy or did not answer to the end."""
        for pause in _PAUSES:
            try:
                answer = ask()
            except RegistryDownError:
                pass
            else:
                if answer.status not in _BUSY and answer.error_code not in _CONFUSED:
                    return answer
            time.sleep(pause)
        return ask()

    def get(self, path: str, *, accept: str = "*/*", limit: int = MAX_MANIFEST_BYTES) -> Answer:
        """Read something below the repository, patiently."""
        return self.patiently(lambda: self.send("GET", path, headers={"Accept": accept}, limit=limit))

    def location(self, answer: Answer) -> httpx.URL:
        """Return where the registry sends us to go on.

        Raises:
            RegistryError: It does not say where.
        """
        if "location" not in answer.headers:
            raise self.refusal(answer)
        return self._url(answer.headers["location"])

    def refusal(self, answer: Answer) -> RegistryError:
        """Return the error that says in a sentence why the registry did not do what it was asked for."""
        host, what = self.address.host, f"{self._purpose} {self.address}"
        if answer.status in {401, 403} and answer.is_ours and not self._has_login:
            return RegistryError(
                f"the registry {host} wants a login to {what}",
                f"log in with `docker login {host}`, or name the folder of a config.json by DOCKER_CONFIG",
            )
        if answer.status == 401 and answer.is_ours:
            return RegistryError(
                f"the registry {host} does not accept the login that {config_file()} has for it",
                f"log in again with `docker login {host}`",
            )
        if answer.status == 403:
            return RegistryError(
                f"the registry {host} does not allow this login to {what}",
                "give it that permission in the registry, or log in as somebody who has it",
            )
        said = f"{answer.status} {answer.error_code}".rstrip()
        if answer.status == 404:
            return RegistryError(
                f"the registry {host} answers {said} to an attempt to {what}",
                "check the address given by `--store`; some registries want the repository to be made first",
            )
        return RegistryError(
            f"the registry {host} answers {said} to an attempt to {what}",
            "what is in the local store is untouched; run the same command again, or look into the registry's log",
        )

    def _once(self, method: str, url: str, headers: Mapping[str, str], content: bytes, limit: int) -> Answer:
        target = self._url(url)
        mine = {"Authorization": self._authorization} if self._authorization and self._is_ours(target) else {}
        return self._exchange(method, target, {**headers, **mine}, content, limit)

    def _exchange(
        self, method: str, target: httpx.URL, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Answer:
        # Only reading follows redirects (to where the blobs are kept), and httpx drops the login on the way. What is
        # signed for us there is signed for GET alone.
        follow = method == "GET"
        try:
            with self._client.stream(
                method, target, headers=headers, content=content, follow_redirects=follow
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > limit:
                        break
                return Answer(
                    response.status_code,
                    response.headers,
                    bytes(body[: limit + 1]),
                    self._is_ours(response.url),
                )
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise self._down(error) from None

    def _url(self, text: str) -> httpx.URL:
        try:
            return self._origin.join(text)
        except httpx.InvalidURL:
            message = f"the registry {self.address.host} names an address that is none"
            raise RegistryError(
                message, "look into the registry's log, and into the proxy before it"
            ) from None

    def _is_ours(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._origin.scheme, self._origin.host, self._origin.port)

    def _keep_encrypted(self, request: httpx.Request) -> None:
        if self.address.scheme == "https" and request.url.scheme != "https":
            message = f"the registry {self.address.host} sends us on to an address that is not encrypted"
            raise RegistryError(message, "nothing went there; mend the registry's own idea of its address")

    def _log_in(self, challenge: str) -> str | None:
        """Return the value of the `Authorization` header that a challenge asks for; None: we know no login."""
        scheme, _, rest = challenge.partition(" ")
        login = find_login(self.address.host)
        self._has_login = login is not None
        if login is not None and self.address.scheme == "http" and not self.address.is_loopback:
            message = f"the login for {self.address.host} would go over the network unencrypted"
            raise RegistryError(message, "use `oci://`, which encrypts, or a registry that wants no login")
        if scheme.lower() == "basic":
            return login.basic if login else None
        asked = parse_keqv_list([part for part in parse_http_list(rest) if "=" in part])
        realm = asked.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            message = (
                f"the registry {self.address.host} asks for a login of a kind that Tollgate does not know"
            )
            raise RegistryError(message, "use a registry with basic or token authentication")
        wanted: dict[str, str] = {name: asked[name] for name in ("service", "scope") if name in asked}
        if self._pushes:
            # A challenge to a read asks for no more than reading, which GHCR denies where nothing was pushed before.
            wanted["scope"] = f"repository:{self.address.repository}:pull,push"
        answer = self.patiently(lambda: self._ask_for_token(realm, wanted, login.basic if login else None))
        if answer.status != 200:
            raise self.refusal(answer)
        try:
            document = json.loads(answer.content)
            token = document.get("token") or document["access_token"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            message = f"the token server of the registry {self.address.host} gives no token"
            raise RegistryError(message, "run the same command again, or look into the registry's log")
        return f"Bearer {token}"

    def _ask_for_token(self, realm: str, wanted: Mapping[str, str], basic: str | None) -> Answer:
        headers = {"Authorization": basic} if basic else {}
        url = self._url(realm).copy_merge_params(wanted)
        return replace(self._exchange("GET", url, headers, b"", MAX_MANIFEST_BYTES), is_ours=True)

    def _down(self, error: Exception) -> RegistryDownError:
        reason = str(error) or type(error).__name__
        hint = "see that it runs and that the address is right, then run the same command again"
        if "certificate" in reason.lower():
            hint = "set SSL_CERT_FILE to the certificates of the registry's authority"
        elif "ssl" in reason.lower():
            hint = "a registry without encryption is named by `oci+http://`"
        return RegistryDownError(
            f"the registry {self.address.host} does not answer to the end: {reason}", hint
        )
