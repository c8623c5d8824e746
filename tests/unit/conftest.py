"""The guard of this folder: unit tests reach nothing outside their own process."""

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

_MAY_START_CHILDREN = {
    "tests/unit/pipeline/test_local_loopback.py": "what it tests can be turned on but never off in a process",
    "tests/unit/payments/test_settings.py": "a cold start needs an interpreter that has imported nothing",
}
"""Test modules with an exception, each with its reason."""

_SOCKETS = {"socket.__new__", "socket.getaddrinfo", "socket.gethostbyname"}
_CHILDREN = {
    "subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system",
}  # fmt: skip


class ReachedOutError(Exception):
    """A unit test opened a socket or started a child process."""


class _Guard:
    """An audit hook can never be removed, so one is added for good and switched on for each test."""

    def __init__(self) -> None:
        self.forbidden: frozenset[str] = frozenset()
        self.reached: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self.forbidden or (event == "socket.__new__" and arguments[1] == socket.AF_UNIX):
            return
        sentence = (
            f"a unit test reached outside its process ({event}): it belongs in tests/pipeline or tests/e2e, "
            "or its module needs a reason in tests/unit/conftest.py"
        )
        self.reached.append(sentence)
        raise ReachedOutError(sentence)


_guard = _Guard()
sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _nothing_outside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that opens a socket or starts a child process, even where the code under test hides it."""
    may_start = request.node.nodeid.partition("::")[0] in _MAY_START_CHILDREN
    _guard.reached.clear()
    _guard.forbidden = frozenset(_SOCKETS if may_start else _SOCKETS | _CHILDREN)
    yield
    _guard.forbidden = frozenset()
    if _guard.reached:
        pytest.fail(_guard.reached[0])
