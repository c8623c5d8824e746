"""A snapshot comes back as it was, or is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.errors import TollgateError

pytest.importorskip("ministack", reason="the emulator is a dependency group of its own")

from pipeline.targets.local.snapshot import read_snapshot, write_snapshot

_STATES = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
_MARKERS = ("__bytes__", "__scoped__", "__account_region_scoped__", "code_blob_ref")


@given(state=_STATES.filter(lambda state: not any(marker in repr(state) for marker in _MARKERS)))
@settings(max_examples=50, deadline=None)
def test_a_state_comes_back_as_it_was(
    state: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was written is what is read, bytes included."""
    path = tmp_path_factory.mktemp("snapshot") / "snapshot.json"
    write_snapshot(path, state)
    assert read_snapshot(path) == state


@given(position=st.integers(min_value=0), byte=st.integers(min_value=0, max_value=255))
@settings(max_examples=50, deadline=None)
def test_any_changed_byte_of_the_state_is_noticed(
    position: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One byte that differs makes a snapshot unusable, in one sentence."""
    path = tmp_path_factory.mktemp("snapshot") / "snapshot.json"
    write_snapshot(path, {"dynamodb": {"tables": ["a", "b"]}})
    content = bytearray(path.read_bytes())
    start = content.index(b"\n") + 1
    where = start + position % (len(content) - start)
    if content[where] == byte:
        byte ^= 1
    content[where] = byte
    path.write_bytes(content)
    with pytest.raises(TollgateError, match=r"cannot be used: .* it is not what was written"):
        read_snapshot(path)


def test_no_snapshot_is_an_empty_account(tmp_path: Path) -> None:
    """Before its first checkpoint an account holds nothing."""
    assert read_snapshot(tmp_path / "snapshot.json") == {}


def test_a_function_whose_package_is_gone_makes_the_state_unusable(tmp_path: Path) -> None:
    """A snapshot that names a package is refused when that package is missing."""
    path = tmp_path / "snapshot.json"
    write_snapshot(path, {"lambda": {"functions": [{"code_zip": {"code_blob_ref": "0" * 64}}]}})
    with pytest.raises(TollgateError, match="a function's package is missing or damaged"):
        read_snapshot(path)


@pytest.mark.parametrize(
    "header", [b"", b"x", b"[]", b"{}", json.dumps({"format": 2, "sha256": ""}).encode()]
)
def test_a_header_that_is_none_of_ours_is_refused(tmp_path: Path, header: bytes) -> None:
    """A file of another kind, or of a later version, is not guessed at."""
    path = tmp_path / "snapshot.json"
    path.write_bytes(header + b"\n{}")
    with pytest.raises(TollgateError, match="cannot be used"):
        read_snapshot(path)
