"""Fakes that several rooms' tests share; each one is tested itself, in tests/pipeline/test_fakes.py."""

import json
import re
import threading
import uuid
from collections.abc import Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class FakePaymentApi:
    """The deployed payment API as a client sees it, on loopback: keys, validation, idempotency, and moods.

    Attributes:
        api_key: The key that calls must carry.
        is_open: Whether it forgets to ask for the key.
        release: What `/health` says it runs.
        calls: Each call as `METHOD /path`, in order.
        unready: How many more calls are answered with 503, as while a deployment settles.
        broken: Answers by path that replace the real one: status and body.
        silent: Until it is set, calls are not answered; None answers at once.
    """

    def __init__(self, release: str = "unreleased", api_key: str = "a-key") -> None:
        self.api_key = api_key
        self.release = release
        self.is_open = False
        self.calls: list[str] = []
        self.unready = 0
        self.broken: dict[str, tuple[int, bytes]] = {}
        self.silent: threading.Event | None = None
        self.payments: dict[str, dict[str, Any]] = {}
        self._by_key: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(outer._get(self.path, self.headers))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._answer(outer._post(self.path, self.headers, body))

            def _answer(self, answer: tuple[int, bytes]) -> None:
                outer.calls.append(f"{self.command} {self.path}")
                if outer.silent is not None:
                    outer.silent.wait(30)
                status, body = outer._in_mood(self.path, answer)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.silent is not None:
            self.silent.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _get(self, path: str, headers: Message) -> tuple[int, bytes]:
        if path == "/health":
            return _said(200, {"release": self.release})
        if headers.get("x-api-key") != self.api_key and not self.is_open:
            return _said(403, {"title": "Forbidden"})
        found = re.fullmatch(r"/payments/(\w+)", path)
        payment = self.payments.get(found.group(1)) if found else None
        if payment is None:
            return _said(404, {"type": "urn:tollgate:problem:payment-not-found", "title": "Not Found"})
        return _said(200, payment)

    def _post(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        if headers.get("x-api-key") != self.api_key and not self.is_open:
            return _said(403, {"title": "Forbidden"})
        key = headers.get("Idempotency-Key")
        wanted = json.loads(body)
        if path != "/payments" or key is None or not isinstance(wanted.get("amount"), int):
            return _said(400, {"title": "Bad Request"})
        if key not in self._by_key:
            payment = {"id": f"pay_{uuid.uuid4().hex}", "status": "captured"}
            self.payments[payment["id"]] = payment | {
                name: wanted[name] for name in ("amount", "currency", "customer_id")
            }
            self._by_key[key] = payment["id"]
        return _said(201, self.payments[self._by_key[key]])

    def _in_mood(self, path: str, answer: tuple[int, bytes]) -> tuple[int, bytes]:
        if self.unready > 0:
            self.unready -= 1
            return _said(503, {"title": "Service Unavailable"})
        return self.broken.get(path, answer)


def _said(status: int, document: Mapping[str, Any]) -> tuple[int, bytes]:
    return status, json.dumps(document).encode()
