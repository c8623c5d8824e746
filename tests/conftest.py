"""How the tests are spread over two workers: what shares a local cloud stays together."""

import os
from typing import Any

import pytest

# What the tests run must not write into the log and the summary of the job that runs the tests.
for _name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(_name, None)


@pytest.hookimpl(optionalhook=True)  # the policies' environment has no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker, and all end-to-end tests, which share one world, on one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWorld(LoadScopeScheduling):  # type: ignore[misc]  # xdist's classes are typed as Any here
        def _split_scope(self, nodeid: str) -> str:
            return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.split("::", 1)[0]

    return ByWorld(config, log)
