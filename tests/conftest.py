"""How the tests are spread over the workers: what shares a local cloud stays together, and what takes long begins."""

import os
import signal
from typing import Any

import pytest

from tests.browser import album, browser, picture

# What the tests run must not write into the log and the summary of the job that runs the tests.
for _name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(_name, None)

# A shell lets what it starts in the background ignore Ctrl-C, and with it whatever the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


__all__ = ["album", "browser", "picture"]
"""Fixtures that several folders use."""

_SLOW = ("cloud", "terraform", "engine")
"""Markers of what takes many seconds each."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it in the end."""
    slow = {item.path for item in items if any(map(item.get_closest_marker, _SLOW))}

    def turn(item: pytest.Item) -> int:
        if item.nodeid.startswith("tests/e2e/"):
            return 0
        if item.path in slow:
            return 1
        return 2 if item.nodeid.startswith("tests/pipeline/") else 3

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)  # the policies' environment has no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker, and all end-to-end tests, which share one world, on one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWorld(LoadScopeScheduling):  # type: ignore[misc]  # xdist's classes are typed as Any here
        def _split_scope(self, nodeid: str) -> str:
            return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.split("::", 1)[0]

    config.option.loadscopereorder = False  # by the number of tests; the order above is by how long they take
    return ByWorld(config, log)
