"""A small GitHub on loopback: reviews of a run, comments, issues, pull requests, and what it was asked for."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "ghs_of_this_job"
REPOSITORY = "acme/tiny"


def review(user: int, comment: str, **changes: Any) -> dict[str, Any]:
    """One review as GitHub tells it, with fields of its own that nobody asked for."""
    plain = {
        "environments": [{"id": 1, "name": "prod", "html_url": "https://github.com"}],
        "state": "approved",
        "user": {"id": user, "login": f"user-{user}", "type": "User"},
        "comment": comment,
    }
    return plain | changes


class FakeGitHub:
    """Answers like GitHub's API; `answers` overrides what a path is told.

    Attributes:
        reviews: What the run's approvals endpoint tells, or who writes it when it is asked for.
        answers: Path below the repository to status and body.
        items: Issues and comments, by the path of their list.
        asked: Each request: method, path below the repository, body.
    """

    def __init__(self) -> None:
        self.reviews: Any = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.items: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = urlsplit(self.path).path.removeprefix(f"/repos/{REPOSITORY}/")
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, content = 401, b"{}"
                else:
                    status, content = outer.answer(self.command, path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the base class names them so

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        """Return status and content for a request, and remember it."""
        self.asked.append((method, path, body))
        if path in self.answers:
            return self.answers[path]
        if path.endswith("/approvals"):
            return 200, json.dumps(self.reviews() if callable(self.reviews) else self.reviews).encode()
        if path.endswith("/dispatches"):
            return 204, b""
        if method == "GET":
            return 200, json.dumps(self.items.get(path, [])).encode()
        if method == "POST":
            number = 1 + sum(map(len, self.items.values()))
            user = {"id": 41898282, "login": "github-actions[bot]", "type": "Bot"}
            made = {"id": 1000 + number, "number": number, "state": "open", "user": user, **body}
            if path.endswith("/comments"):
                del made["number"]
            self.items.setdefault(path, []).append(made)
            return 201, json.dumps(made).encode()
        return self._patch(path, body)

    def _patch(self, path: str, body: Any) -> tuple[int, bytes]:
        name = int(path.rpartition("/")[2])
        for item in (item for items in self.items.values() for item in items):
            if item.get("number", item["id"]) == name:
                item.update(body)
                return 200, json.dumps(item).encode()
        return 404, b"{}"

    def variables(self, *, attempt: int = 1, actor: int = 1) -> dict[str, str]:
        """Return what a job's runner sets."""
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "GITHUB_ACTOR_ID": str(actor),
        }

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
