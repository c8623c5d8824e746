"""What the tests of the pipeline share."""

from collections.abc import Iterator

import pytest

from tests.pipeline.tiny_project import TinyProject


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyProject]:
    """A tiny project with a local cloud of its own, one for each test module."""
    project = TinyProject.make(tmp_path_factory.mktemp("tiny"))
    yield project
    project.close()
