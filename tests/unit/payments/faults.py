"""Ports that fail on purpose: a crash, or an error, before or after any one call to the outside."""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from payments.domain.errors import ProviderUnavailableError, StorageUnavailableError
from payments.domain.ports import Ports


class Crash(BaseException):
    """The function is gone: not an Exception, so that nothing in the service can catch it."""


class Fault(Enum):
    """How a call to the outside goes wrong."""

    CRASH_BEFORE = "crash before it happened"
    CRASH_AFTER = "crash after it happened"
    ERROR_BEFORE = "error, and it did not happen"
    ERROR_AFTER = "error, though it happened"


class FaultyPorts:
    """Wraps a world's ports; the call of the chosen number goes wrong, the others pass.

    Attributes:
        calls: Names of the calls made so far, in order.
    """

    def __init__(self, ports: Ports, at: int | None, fault: Fault = Fault.CRASH_BEFORE) -> None:
        self.calls: list[str] = []
        self._at = at
        self._fault = fault
        self.ports = replace(
            ports,
            payments=Wrapped(ports.payments, self._around, StorageUnavailableError),
            log=Wrapped(ports.log, self._around, StorageUnavailableError),
            receipts=Wrapped(ports.receipts, self._around, StorageUnavailableError),
            provider=Wrapped(ports.provider, self._around, ProviderUnavailableError),
        )

    def _around(self, name: str, call: Callable[[], Any], error: type[Exception]) -> Any:
        self.calls.append(name)
        if len(self.calls) != self._at:
            return call()
        if self._fault in (Fault.CRASH_AFTER, Fault.ERROR_AFTER):
            call()
        if self._fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            raise Crash
        raise error("a fault of the test's making")


class Wrapped:
    """A port whose every method goes through a function."""

    def __init__(self, port: Any, around: Callable[..., Any], error: type[Exception]) -> None:
        self._port, self._around, self._error = port, around, error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)
        return lambda *args, **named: self._around(name, lambda: method(*args, **named), self._error)
