"""The ASGI application of one account: the gate, our own two paths, then the emulator."""

import contextlib
import json
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack import app as emulator
from ministack.core.iam_actions import access_denied_response, extract_iam_action, extract_resource_arn
from ministack.core.router import detect_service, extract_region

from pipeline.model.errors import TollgateError
from pipeline.targets.local import gate, journal
from pipeline.targets.local.checkpoint import Checkpoints
from pipeline.targets.local.client import CHECKPOINT, HEALTH, TOKEN_HEADER

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


_log = logging.getLogger(__name__)

_TERRAFORM_LOCK = ".tflock"
"""How the name of the object ends with which Terraform locks a state in S3."""


class _StoppedError(Exception):
    """The server was asked to stop."""


class Server:
    """Answers for one account.

    Args:
        account_id: Whose requests are answered.
        token: What whoever asks for a checkpoint must show.
        checkpoints: What to tell about changes.
        on_ready: Called once, when the emulator has started.
    """

    def __init__(
        self, account_id: str, token: str, checkpoints: Checkpoints, on_ready: Callable[[], None]
    ) -> None:
        self._account_id = account_id
        self._token = token
        self._checkpoints = checkpoints
        self._on_ready = on_ready
        self._listen_to_changes()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or run the emulator's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        refused = gate.refusal(scope, self._account_id) if scope["path"] not in {HEALTH, CHECKPOINT} else None
        if refused is not None:
            await self._refuse(scope, send, refused)
        elif scope["path"] == HEALTH:
            await _answer(send, 200, {"account_id": self._account_id, "pid": str(os.getpid())})
        elif scope["path"] == CHECKPOINT:
            await self._checkpoint(scope, send)
        else:
            if scope["path"].startswith(gate.DATA_PLANE):
                self._checkpoints.touch()
            await emulator.app(scope, receive, send)

    async def _checkpoint(self, scope: Message, send: Send) -> None:
        shown = dict(scope["headers"]).get(TOKEN_HEADER.encode(), b"")
        if scope["method"] != "POST" or shown != self._token.encode():
            await _answer(send, 403, {"message": "a checkpoint needs a POST with the run's token"})
            return
        try:
            await self._checkpoints.save()
        except TollgateError as error:
            await _answer(send, 500, {"message": error.message})
        else:
            await _answer(send, 200, {"message": "saved"})

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let the emulator start, and stop without it: its own end imports, to stop them, what never ran."""

        async def announce(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._on_ready()

        async def until_shutdown() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await send({"type": "lifespan.shutdown.complete"})
                raise _StoppedError
            return message

        with contextlib.suppress(_StoppedError):
            await emulator.app(scope, until_shutdown, announce)

    def _listen_to_changes(self) -> None:
        """Hear of every call that the emulator carried out: its dispatcher is the one place they all pass."""
        dispatch = emulator._dispatch_service_request  # noqa: SLF001 (there is no hook)

        async def listening(
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query_params: dict[str, Any],
            request_id: str,
        ) -> Any:
            response = await dispatch(method, path, headers, body, query_params, request_id)
            if response[0] < 400:
                self._note(method, path, headers, body, query_params)
            return response

        emulator._dispatch_service_request = listening  # noqa: SLF001 (as above)

    def _note(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> None:
        params = emulator._routing_params(method, path, headers, body, query_params)  # noqa: SLF001 (its own parser)
        service = detect_service(method, path, headers, params)
        action = extract_iam_action(service, method, path, headers, body, params) or f"{service}:{method}"
        if not journal.changes_state(action):
            return
        try:
            resource = extract_resource_arn(
                service, method, path, headers, body, params, extract_region(headers), self._account_id
            )
        except Exception:  # noqa: BLE001 (a request the emulator liked must not fail for its name in our journal)
            resource = "*"
        if resource.endswith(_TERRAFORM_LOCK):
            held = action == "s3:PutObject"
            (self._checkpoints.hold if held else self._checkpoints.release)(resource)
        self._checkpoints.note(action, resource)

    async def _refuse(self, scope: Message, send: Send, refused: gate.Refusal) -> None:
        _log.info("refused %s %s: %s", scope.get("method"), scope["path"], refused.message)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        # A form's service stands in its body, which is not read for a refusal; all of them speak as STS does.
        service = "sts" if is_form else detect_service(scope["method"], scope["path"], headers, {})
        status, named, body = access_denied_response(
            service,
            "",
            "",
            str(uuid.uuid4()),
            error_code=refused.code,
            message=refused.message,
            headers=headers,
        )
        await _send(send, status, {**named, "x-amzn-errortype": refused.code}, body)


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    await _send(send, status, {"content-type": "application/json"}, json.dumps(content).encode())


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    named.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
