"""How the tests are spread over two workers: what shares a local cloud stays together."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file on one worker, and all end-to-end tests, which share one world, on one."""
    for item in items:
        parts = item.path.relative_to(_HERE).parts
        group = parts[0] if parts[0] == "e2e" else "/".join(parts)
        item.add_marker(pytest.mark.xdist_group(group))
