"""Registries to test against: Debian's docker-registry as a process, and a small one in this process.

Both keep manifests and blobs by digest and refuse a manifest whose blobs they lack; both can be tampered with. The
tests that both must pass (test_registry.py) are what shows that the small one is a fair stand-in.
"""

import base64
import hashlib
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pipeline.model.canonical import sha256_digest
from pipeline.stores.registry_address import Address

REPOSITORY = "team/tollgate"
USER, PASSWORD = "robot", "correct horse"
_BCRYPT = "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_DEADLINE_SECONDS = 120.0
_CLIENT = httpx.Client(
    headers={"Accept": f"{_MANIFEST}, {_INDEX}"},
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    trust_env=False,
    timeout=60,
)
LoginKind = Literal["none", "basic", "token"]


class TestRegistry(ABC):
    """A registry that a test may look into and tamper with."""

    __test__ = False
    has_referrers_api: bool

    @property
    @abstractmethod
    def host(self) -> str:
        """Where it answers: `127.0.0.1:PORT`."""

    @abstractmethod
    def tamper(self, digest: str, content: bytes | None) -> None:
        """Have other bytes served under a digest, or nothing at all."""

    @abstractmethod
    def close(self) -> None:
        """Stop it."""

    @property
    def address(self) -> Address:
        """Where releases go in it."""
        return Address.parse(f"oci://{self.host}/{REPOSITORY}")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Speak to it as somebody else would."""
        url = f"http://{self.host}/v2/{REPOSITORY}{path}"
        return _CLIENT.request(method, url, **more)

    def put_manifest(self, reference: str, content: bytes, media_type: str = _INDEX) -> None:
        """Put a manifest there as somebody else would."""
        answer = self.ask(
            "PUT", f"/manifests/{reference}", content=content, headers={"Content-Type": media_type}
        )
        assert answer.status_code == 201, answer.text

    def put_blob(self, content: bytes) -> None:
        """Put a blob there as somebody else would."""
        opened = self.ask("POST", "/blobs/uploads/")
        url = httpx.URL(f"http://{self.host}").join(opened.headers["location"])
        url = url.copy_merge_params({"digest": sha256_digest(content)})
        assert _CLIENT.put(url, content=content).status_code == 201


class DockerRegistry(TestRegistry):
    """Debian's docker-registry, on a port of the kernel's choice, its storage below `folder`."""

    has_referrers_api = False

    def __init__(self, folder: Path, login: LoginKind = "none") -> None:
        program = shutil.which("docker-registry")
        if program is None:
            pytest.skip("docker-registry is not installed (Debian: apt install docker-registry)")
        folder.mkdir()
        self._storage = folder / "storage"
        self.tokens = TokenServer() if login == "token" else None
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._storage)}, "delete": {"enabled": True}},
            "http": {"addr": "127.0.0.1:0", "secret": "not one"},
        }
        if login == "basic":
            (folder / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        if self.tokens is not None:
            (folder / "certificate.pem").write_bytes(self.tokens.certificate)
            config["auth"] = {
                "token": {
                    "realm": self.tokens.realm,
                    "service": "test",
                    "issuer": "tests",
                    "rootcertbundle": str(folder / "certificate.pem"),
                }
            }
        (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "serve", str(folder / "config.yml")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self._host = self._listening(folder / "log")

    def _listening(self, log: Path) -> str:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            found = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
            if found:
                return found[1]
            time.sleep(0.05)
        self.close()
        raise AssertionError(log.read_text())

    @property
    def host(self) -> str:
        """Where it answers."""
        return self._host

    def tamper(self, digest: str, content: bytes | None) -> None:
        """Change what lies in its storage."""
        name = digest.removeprefix("sha256:")
        path = self._storage / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
        assert path.exists()
        if content is None:
            shutil.rmtree(path.parent)
        else:
            path.write_bytes(content)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=_DEADLINE_SECONDS)
        if self.tokens is not None:
            self.tokens.close()


@dataclass
class Reply:
    """What the small registry is about to answer; `cut` says after how many bytes it breaks off."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request to the small registry."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class FakeRegistry(TestRegistry):
    """A small registry, with or without the referrers API.

    Args:
        referrers_api: Whether it keeps the list of what is attached.
        login: What it asks for before it answers.
        page: How many entries of the list it gives at once.
    """

    def __init__(self, *, referrers_api: bool, login: LoginKind = "none", page: int = 100) -> None:
        self.has_referrers_api = referrers_api
        self.asked: list[Asked] = []
        self.refuse: Callable[[Asked], Reply | None] = lambda _: None
        """Called with each request; what it returns is answered, and nothing is done."""
        self.change: Callable[[Asked, Reply], Reply] = lambda _, reply: reply
        """Called with each request and what would be answered to it; what it returns is answered."""
        self._page = page
        self._login = login
        self.tokens = TokenServer() if login == "token" else None
        self._things: dict[str, bytes] = {}
        self._tags: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._listed: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.RLock()
        self._server = _serve(self._handle)

    @property
    def host(self) -> str:
        """Where it answers."""
        return _host(self._server)

    def tamper(self, digest: str, content: bytes | None) -> None:
        """Change what it keeps."""
        assert digest in self._things
        if content is None:
            del self._things[digest]
        else:
            self._things[digest] = content

    def close(self) -> None:
        """Stop answering."""
        _stop(self._server)
        if self.tokens is not None:
            self.tokens.close()

    def _handle(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            reply = self.refuse(asked) or self._challenge(asked) or self._answer(asked)
        return self.change(asked, reply)

    def _challenge(self, asked: Asked) -> Reply | None:
        given = asked.headers.get("authorization", "")
        if self._login == "basic" and given != _basic():
            return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="test"'})
        if self.tokens is not None:
            actions = "pull" if asked.method in {"GET", "HEAD"} else "pull,push"
            if not self.tokens.allows(given.removeprefix("Bearer "), set(actions.split(","))):
                said = f'realm="{self.tokens.realm}",service="test",scope="repository:{REPOSITORY}:{actions}"'
                return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": f"Bearer {said}"})
        return None

    def _answer(self, asked: Asked) -> Reply:  # noqa: PLR0911 - one answer for each kind of request
        place = asked.path.removeprefix(f"/v2/{REPOSITORY}/")
        if place == asked.path:
            return Reply(200, b"{}") if place == "/v2/" else _error(404, "NAME_UNKNOWN")
        match asked.method, place.split("/"):
            case "POST", ["blobs", "uploads", ""]:
                return Reply(202, headers={"Location": f"{asked.path}one?state=%3D%3D"})
            case "PUT", ["blobs", "uploads", "one"] if asked.query["state"] == "==":
                return self._keep(asked.query["digest"], asked.body)
            case "GET" | "HEAD", ["blobs", digest] if digest in self._things:
                return Reply(200, self._things[digest])
            case "GET" | "HEAD", ["manifests", reference]:
                digest = self._tags.get(reference, reference)
                if digest in self._things and digest in self._types:
                    return Reply(200, self._things[digest], {"Content-Type": self._types[digest]})
                return _error(404, "MANIFEST_UNKNOWN")
            case "PUT", ["manifests", reference]:
                return self._put_manifest(reference, asked)
            case "GET", ["referrers", subject] if self.has_referrers_api:
                return self._referrers(subject, asked)
            case _:
                return _error(404, "BLOB_UNKNOWN")

    def _keep(self, digest: str, content: bytes) -> Reply:
        if sha256_digest(content) != digest:
            return _error(400, "DIGEST_INVALID")
        self._things[digest] = content
        return Reply(201)

    def _put_manifest(self, reference: str, asked: Asked) -> Reply:
        document, digest = json.loads(asked.body), sha256_digest(asked.body)
        if ":" in reference and reference != digest:
            return _error(400, "DIGEST_INVALID")
        if document["mediaType"] != asked.headers["content-type"]:
            return _error(400, "MANIFEST_INVALID")
        parts = (
            document["manifests"] if "manifests" in document else [document["config"], *document["layers"]]
        )
        if any(part["digest"] not in self._things for part in parts):
            return _error(400, "MANIFEST_BLOB_UNKNOWN")
        self._things[digest] = asked.body
        self._types[digest] = document["mediaType"]
        if ":" not in reference:
            self._tags[reference] = digest
        subject = document.get("subject", {}).get("digest")
        if subject is None or not self.has_referrers_api:
            return Reply(201)
        entry = {name: document[name] for name in ("mediaType", "artifactType")}
        listed = self._listed.setdefault(subject, [])
        if all(known["digest"] != digest for known in listed):
            listed.append(entry | {"digest": digest, "size": len(asked.body)})
        return Reply(201, headers={"OCI-Subject": subject})

    def _referrers(self, subject: str, asked: Asked) -> Reply:
        found = self._listed.get(subject, [])
        start = int(asked.query.get("from", "0"))
        end = start + self._page
        headers = {"Content-Type": _INDEX}
        if end < len(found):
            headers["Link"] = f'<{asked.path}?from={end}>; rel="next"'
        document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": found[start:end]}
        return Reply(200, json.dumps(document).encode(), headers)


class TokenServer:
    """Gives tokens, as JWTs that docker-registry verifies, to whoever knows the password."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._allowed: dict[str, set[str]] = {}
        self._server = _serve(self._handle)

    @property
    def realm(self) -> str:
        """Where tokens are asked for."""
        return f"http://{_host(self._server)}/token"

    @property
    def certificate(self) -> bytes:
        """By which a registry verifies the tokens, as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def allows(self, token: str, actions: set[str]) -> bool:
        """Whether it gave a token that allows all of the actions."""
        return actions <= self._allowed.get(token, set())

    def close(self) -> None:
        """Stop answering."""
        _stop(self._server)

    def _handle(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.headers.get("authorization") != _basic():
            return _error(401, "UNAUTHORIZED")
        kind, name, actions = asked.query["scope"].split(":")
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": USER,
            "aud": asked.query["service"],
            "exp": now + 3600,
            "nbf": now - 3600,
            "iat": now,
            "jti": str(len(self._allowed)),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        text = f"{_unpadded(json.dumps(header).encode())}.{_unpadded(json.dumps(claims).encode())}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{text}.{_unpadded(signature)}"
        self._allowed[token] = set(actions.split(","))
        return Reply(200, json.dumps({"token": token}).encode())


def write_login(folder: Path, host: str, password: str = PASSWORD) -> None:
    """Leave the login in `folder` that `docker login` would leave there."""
    folder.mkdir(exist_ok=True)
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": login}}}))


def fingerprint(folder: Path) -> dict[str, str]:
    """Return what lies below a folder, by path, so that a change is seen."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    document = {"errors": [{"code": code, "message": "as the test wants it"}]}
    return Reply(status, json.dumps(document).encode(), headers or {})


def _serve(handle: Callable[[Asked], Reply]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            reply = handle(
                Asked(
                    self.command,
                    url.path,
                    {name: values[0] for name, values in parse_qs(url.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
            )
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(ConnectionError):  # whoever has read enough hangs up
                    self.wfile.write(reply.content[: reply.cut])

        do_GET = do_HEAD = do_PUT = do_POST = _any  # noqa: N815 - the base class names them so

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def _host(server: ThreadingHTTPServer) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def _stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()
