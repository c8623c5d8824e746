"""The program that serves one emulated account: `python -m pipeline.targets.local.account FOLDER`.

It returns when the account answers (0) or cannot (1, with the reason on standard error, as JSON); the account
goes on in a process of its own, which no terminal and no command that ends takes with it.
"""

import asyncio
import json
import logging
import logging.handlers
import os
import secrets
import shutil
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from pipeline.model.errors import TollgateError
from pipeline.targets.local.identity import Identity
from pipeline.targets.local.layout import Layout
from pipeline.targets.local.liveness import hold_lock
from pipeline.targets.local.loopback import allow_loopback_only, listen
from pipeline.targets.local.runrecord import RunRecord

_READY = b"ready"
_LOG_BYTES = 5_000_000
_LOG_FILES = 2


def main(folder: Path) -> int:
    """Start the account that lives in `folder` and return when it answers or cannot."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _live_alone(Layout(folder), writer)
    os.close(writer)
    with open(reader, "rb") as words:  # noqa: PTH123 (a descriptor, not a path)
        said = words.read()
    if said == _READY:
        return 0
    sys.stderr.write(said.decode() or json.dumps({"message": "its process ended while starting"}))
    return 1


def _live_alone(layout: Layout, writer: int) -> NoReturn:
    """Be the account's process: no terminal, no parent's descriptors, one word back when ready."""
    code = 1
    try:
        os.setsid()
        os.umask(0o077)
        _leave_streams(layout)
        serve(layout, writer)
        code = 0
    except TollgateError as error:
        _say(writer, json.dumps({"message": error.message, "hint": error.hint}).encode())
    except BaseException:
        logging.getLogger(__name__).exception("the account's process fails")
        _say(writer, json.dumps({"message": f"its process failed; see {layout.log}"}).encode())
    finally:
        logging.shutdown()
        os._exit(code)


def serve(layout: Layout, writer: int) -> None:
    """Serve the account until it is asked to stop.

    Raises:
        TollgateError: It cannot be served: another process does, its port is taken, its state is damaged.
    """
    if not hold_lock(layout):
        message = f"another process serves the local account in {layout.folder}"
        raise TollgateError(message, "stop it with `tollgate cloud down`")
    _log_to(layout.log)
    identity = Identity.read(layout.identity)
    if identity is None:
        message = f"{layout.folder} holds no local account"
        raise TollgateError(message, "start the local cloud with `tollgate cloud up`")
    allow_loopback_only()
    with closing(listen(identity.port, fixed=identity.port_is_fixed)) as listener:
        _serve_on(listener, layout, identity, writer)


def _serve_on(listener: socket.socket, layout: Layout, identity: Identity, writer: int) -> None:
    from pipeline.targets.local.settings import process_environment  # noqa: PLC0415 (with its use)

    port: int = listener.getsockname()[1]
    environment = process_environment(identity, layout, port, os.environ)
    os.environ.clear()
    os.environ.update(environment)
    shutil.rmtree(layout.scratch, ignore_errors=True)
    for folder in (layout.scratch, layout.state, layout.objects):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {folder} cannot be made: {error.strerror or error}"
            raise TollgateError(message, "free what is in its way, or run `tollgate cloud reset`") from error
    os.chdir(layout.scratch)

    # The emulator reads its settings as it is imported, so not before now.
    from pipeline.targets.local.emulation import Emulation  # noqa: PLC0415 (see above)

    record = RunRecord.of_this_process(port, secrets.token_urlsafe(16))

    def ready() -> None:
        Identity(
            identity.environment, identity.account_id, identity.region, port, identity.port_is_fixed
        ).write(layout.identity)
        record.write(layout.run)
        _say(writer, _READY)

    # Not asyncio.run: it would wait for the emulator's idle threads, and this process ends with its work.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(Emulation(layout, identity, record).run(listener, ready))


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def _leave_streams(layout: Layout) -> None:
    output = os.open(layout.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(nothing)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _say(writer: int, words: bytes) -> None:
    try:
        os.write(writer, words)
        os.close(writer)
    except OSError:
        logging.getLogger(__name__).info("whoever started this account is gone, or was told already")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
