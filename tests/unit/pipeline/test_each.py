"""Trouble in one instance keeps nobody from the others."""

import io
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from pipeline.context import Context
from pipeline.each import in_each
from pipeline.model.environment import Instance
from pipeline.model.errors import InterruptedByUserError, RefusedError
from pipeline.show.progress import Progress
from tests.unit.pipeline.record import DEV, PROD

_PREVIEW = Instance("dev", "pr-7")


def _context(said: io.StringIO) -> Context:
    """Return as much of a context as is asked for: somewhere to say what happens."""
    return cast("Context", SimpleNamespace(progress=Progress(Console(file=said, width=80))))


def test_an_error_is_told_and_kept_and_the_rest_is_done() -> None:
    """What was done and what went wrong are returned apart, and the error is said at once in one line."""
    said = io.StringIO()

    def do(instance: Instance) -> str:
        if instance == _PREVIEW:
            message = "it is held\nby somebody"
            raise RefusedError(message, "wait")
        return str(instance)

    done, errors = in_each(_context(said), [DEV, _PREVIEW, PROD], do)

    assert done == ["dev", "prod"]
    assert {str(instance): error.hint for instance, error in errors.items()} == {"dev/pr-7": "wait"}
    assert said.getvalue() == "dev/pr-7 failed: it is held\n"


def test_ctrl_c_means_all_of_them() -> None:
    """Who interrupts wants nothing else to be begun."""
    begun: list[Instance] = []

    def do(instance: Instance) -> None:
        begun.append(instance)
        raise InterruptedByUserError("stopped by Ctrl-C")

    with pytest.raises(InterruptedByUserError):
        in_each(_context(io.StringIO()), [DEV, PROD], do)
    assert begun == [DEV]
