"""Amounts and prices are integers, rounded once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import nano_from_pico, nano_from_usd, usd_digits, usd_text, usd_text_from_pico


@given(st.integers(0, 10**24))
def test_amounts_are_rounded_up(pico: int) -> None:
    """Never book less than was spent, nor a whole nano-USD more."""
    nano = nano_from_pico(pico)

    assert 0 <= nano * 1000 - pico < 1000


@given(st.integers(-(10**18), 10**18))
def test_text_is_exact(nano: int) -> None:
    """The decimal string names the amount exactly and reads back to it."""
    assert Decimal(nano) / 10**9 == Decimal(usd_text(nano))
    assert nano == nano_from_usd(usd_text(nano))


@pytest.mark.parametrize(("nano", "text"), [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (-10, "-0.00000001")])
def test_text_has_no_needless_digits(nano: int, text: str) -> None:
    """No trailing zeros, no exponent."""
    assert text == usd_text(nano)


@given(st.one_of(st.integers(0, 10**10), st.integers(0, 1 << 62)))
def test_digits_are_the_same_amount(nano: int) -> None:
    """With all nine behind the point, and at least one before it."""
    digits = usd_digits(nano).decode()

    assert Decimal(nano) / 10**9 == Decimal(digits)
    assert ["0" if nano < 10**9 else str(nano)[:-9], 9] == [digits[:-10], len(digits.partition(".")[2])]


@given(st.integers(-(10**18), 10**18))
def test_text_of_prices_is_exact_too(pico: int) -> None:
    """Pico-USD have three digits more, and as few needless ones."""
    text = usd_text_from_pico(pico)

    assert Decimal(pico) / 10**12 == Decimal(text)
    assert not ("." in text and text.endswith("0"))
