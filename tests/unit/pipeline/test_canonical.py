"""JSON in its one spelling: equal documents have equal bytes, and no document is spelled as another one."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.canonical import canonical_bytes, sha256_digest

_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_DOCUMENTS)
def test_what_was_written_is_read_back(document: Any) -> None:
    """Nothing is lost or altered on the way through the one spelling."""
    assert json.loads(canonical_bytes(document)) == document


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=6))
def test_the_order_of_keys_does_not_matter(document: dict[str, int]) -> None:
    """The same object has the same bytes, in whichever order it was put together."""
    assert canonical_bytes(dict(reversed(document.items()))) == canonical_bytes(document)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_spell_is_refused(number: float) -> None:
    """NaN and the infinities have no spelling, so they have no digest."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_bytes({"number": number})


def test_half_a_character_has_bytes_too() -> None:
    """A lone surrogate, as a broken commit message can hold, is spelled and read back."""
    assert json.loads(canonical_bytes("\udcff")) == "\udcff"


def test_a_digest_names_its_algorithm() -> None:
    """A digest is the SHA-256, with its name in front."""
    expected = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert sha256_digest(b"") == expected
