import re

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.domain.identity import PAYMENT_ID_PATTERN, fingerprint, payment_id, refund_id

TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
BODIES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5)


@given(one=st.tuples(TEXTS, TEXTS), other=st.tuples(TEXTS, TEXTS))
def test_another_client_or_key_is_another_payment(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Ids are equal exactly when client and key are, wherever the border between the two lies."""
    assert (payment_id(*one) == payment_id(*other)) == (one == other)


@given(client=TEXTS, key=TEXTS)
def test_ids_have_the_published_shape(client: str, key: str) -> None:
    """An id fits the pattern that requests are checked by."""
    assert re.fullmatch(PAYMENT_ID_PATTERN, payment_id(client, key))


@given(key=TEXTS)
def test_a_refund_belongs_to_its_payment(key: str) -> None:
    """One key names different refunds of different payments."""
    assert refund_id("c", "pay_1", key) != refund_id("c", "pay_2", key)


@settings(max_examples=50)
@given(one=BODIES, other=BODIES)
def test_fingerprints_compare_content(one: dict[str, object], other: dict[str, object]) -> None:
    """Fingerprints are equal exactly when bodies are, and do not depend on the order of fields."""
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert fingerprint(one) == fingerprint(dict(reversed(one.items())))
