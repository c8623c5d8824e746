import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.domain.currency import EXPONENTS, in_major_units


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (1234, "USD", "12.34"),
        (1234, "KRW", "1234"),
        (5, "USD", "0.05"),
        (0, "EUR", "0.00"),
        (1234, "KWD", "1.234"),
        (1, "CLF", "0.0001"),
        (-1234, "USD", "-12.34"),
    ],
)
def test_amounts_are_written_as_people_write_them(amount: int, currency: str, written: str) -> None:
    """An amount has as many decimals as its currency has minor-unit digits."""
    assert in_major_units(amount, currency) == written


@given(amount=st.integers(-(10**15), 10**15), currency=st.sampled_from(sorted(EXPONENTS)))
def test_writing_an_amount_loses_nothing(amount: int, currency: str) -> None:
    """The digits of what is written are the amount."""
    assert int(in_major_units(amount, currency).replace(".", "")) == amount


def test_the_table_is_that_of_iso_4217() -> None:
    """There are as many codes per exponent as the standard's list one of 2026 has, all of three capitals."""
    counts = {exponent: list(EXPONENTS.values()).count(exponent) for exponent in (0, 2, 3, 4)}

    assert counts == {0: 17, 2: 139, 3: 7, 4: 2}
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)
