"""A quote tells a price exactly, to people and to programs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.quote import show
from gateway.core.money import PICO_PER_USD
from gateway.core.usage import Usage
from gateway.policies.pricing import PriceBook
from gateway.policies.quote import public_quote, quote
from gateway.policies.rates import KINDS
from gateway.policies.routing import Provider

AT_S = 1_795_435_200.0
DEFAULT = (Decimal(5), Decimal(25))
LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1")
prices = st.dictionaries(st.sampled_from(list(KINDS)), st.integers(0, 10**9).map(lambda pico: Decimal(pico) / 10**6))


@given(prices, st.integers(0, 10**7), st.integers(0, 10**7))
def test_amounts_are_exact(usd: dict[str, Decimal], read: int, wrote: int) -> None:
    """The lines add up to the cost, a price is what was configured, and no kind is told twice."""
    book = PriceBook({"local": {"m": usd}}, DEFAULT, "default_price")
    usage = Usage(input_total=read, output_total=wrote)
    said = public_quote(quote(book, LOCAL, "m", "", {}, AT_S), usage)

    assert said["cost_nano_usd"] == book.price(LOCAL, "m", None, usage, AT_S).nano_usd
    pico = int(sum(Decimal(line["usd"]) for line in said["bill"]) * PICO_PER_USD)
    assert said["cost_nano_usd"] == -(-pico // 1000)
    exact = {kind for kind, price in usd.items() if (price * PICO_PER_USD) % KINDS[kind].per == 0}
    assert all(usd[kind] == Decimal(said["prices"][kind]["usd"]) for kind in exact)
    assert set(usd) == set(said["prices"])
    assert set(usd).isdisjoint(said["instead"])


def test_a_model_that_is_only_resold_is_called_that(capsys: pytest.CaptureFixture[str]) -> None:
    """Its makers' list has it, and their classes are not sold here."""
    azure = Provider(name="azure", dialect="openai", host="mine.openai.azure.com")
    show(quote(PriceBook({}, DEFAULT, "zero"), azure, "gpt-5.2", "here", {"service_tier": "flex"}, AT_S), None)
    said = capsys.readouterr().out

    assert "gpt-5.2 at azure (here)" in said
    assert "which only resells it: no price classes" in said
    assert "standard (service_tier=flex changes nothing here)" in said


def test_names_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A model's name comes from a log or a client as often as from a keyboard."""
    show(quote(PriceBook({}, DEFAULT, "default_price"), LOCAL, "m\x1b[2J", "here", {}, AT_S), None)

    assert "\x1b" not in capsys.readouterr().out
