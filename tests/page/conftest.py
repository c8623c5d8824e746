"""Where the tests of the page write it."""

from pathlib import Path

import pytest


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder for pages."""
    return tmp_path / "site"
