"""Nothing of the local cloud ever listens to another machine."""

import errno
import ipaddress
import socket
import sys
from typing import Any

from pipeline.model.errors import TollgateError

_BACKLOG = 256


def listen(port: int | None, *, fixed: bool) -> socket.socket:
    """Return a socket that listens on loopback: on `port`, or on a free one if that is taken and not fixed.

    Raises:
        TollgateError: The port is fixed and taken, or loopback cannot be listened on at all.
    """
    for wanted in (port or 0, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", wanted))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                message = f"the local cloud cannot listen on 127.0.0.1:{wanted}: {error.strerror or error}"
                raise TollgateError(message, "allow programs to listen on loopback") from error
            if fixed:
                message = f"port {wanted} is taken by another program and no other port was allowed"
                raise TollgateError(message, "end that program or choose another port") from error
        else:
            return listener
    message = "no free port was found on 127.0.0.1"
    raise TollgateError(message, "end some programs that listen on loopback")


def allow_loopback_only() -> None:
    """Refuse, for the rest of this process's life, to bind a socket to any address but loopback.

    The emulator opens further listeners for some services, most of them to every network; whatever a stack
    asks for, this process answers to this machine alone.
    """
    sys.addaudithook(_refuse_other_addresses)


def _refuse_other_addresses(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.bind":
        return
    bound, address = arguments
    if bound.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    if not ipaddress.ip_address(_numeric(address[0])).is_loopback:
        message = f"the local cloud binds loopback only, not {address[0] or 'every address'}"
        raise PermissionError(errno.EACCES, message)


def _numeric(host: str) -> str:
    """Return the address that a host in a bind call means."""
    if host == "localhost":
        return "127.0.0.1"
    return host or "0.0.0.0"  # noqa: S104 (what an empty host means; it is refused)
