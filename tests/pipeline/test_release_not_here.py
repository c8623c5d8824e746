"""What is said of a release that the ledger names and this machine does not have."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.context import Context
from pipeline.model.errors import RefusedError
from pipeline.show.progress import Progress
from pipeline.stores.layout import CorruptReleaseError
from tests.pipeline.signed_world import COMMIT, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A ledger and a store, as the project's home."""
    monkeypatch.setenv("TOLLGATE_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("TOLLGATE_HOME", str(tmp_path))
    for name in ("TOLLGATE_TARGET", "TOLLGATE_STORE", "TOLLGATE_LEDGER_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    return World.make(tmp_path)


def _context() -> Context:
    return Context.open(Progress(Console(file=io.StringIO())))


def test_the_commit_that_makes_it_again_is_named(world: World) -> None:
    """A release that was pruned here can be built again, byte for byte, from the commit that the ledger names."""
    world.store.remove([world.release.digest])

    with pytest.raises(RefusedError, match="is not on this machine") as caught:
        _context().release(world.release.digest)
    assert caught.value.hint == f"`git checkout {COMMIT[:12]}`, `nox -s build`, then the same command again"


def test_what_no_commit_holds_comes_from_where_it_was_built(world: World) -> None:
    """Where nobody can build it again, the hint does not send anybody to a commit."""
    dirty = world.candidate().saying(dirty=True)
    world.write([*world.rows[:2], dirty])
    world.store.remove([world.release.digest])

    with pytest.raises(RefusedError, match="is not on this machine") as caught:
        _context().release(world.release.digest)
    assert "take it from where it was built" in str(caught.value.hint)


def test_what_is_damaged_here_is_not_called_missing(world: World) -> None:
    """A release of which a file is gone is damage to the store, and said as such."""
    world.blob(world.release.layers[0].digest).unlink()

    with pytest.raises(CorruptReleaseError):
        _context().release(world.release.digest)
