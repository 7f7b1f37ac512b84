"""A record's cost follows from its usage and its rates; its rates are those of the price list that it names."""

from typing import Any

import msgspec
import pytest

from gateway.audit.cost import check_cost, check_prices
from gateway.audit.findings import Findings
from gateway.core.record import Record
from tests.audit.settled import SNAPSHOT, ZERO, Books
from tests.records import record

CHAT = b'{"model":"%b","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20%b}}'
ADVISED = (
    b'{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":20,"iterations":['
    b'{"type":"advisor_message","model":"claude-opus-4-1","input_tokens":7,"output_tokens":8}]}}'
)
NONE = msgspec.Raw(b"")


def differences(one: Record) -> dict[str, tuple[Any, Any]]:
    """Check cost and prices; return what differs by name."""
    found = Findings()
    check_cost(one, one.usage, found)
    check_prices(one, SNAPSHOT.routing.provider(one.provider or ""), SNAPSHOT.prices.listed, found)
    return {each.what: (each.recorded, each.recomputed) for each in found.take()}


def answered(books: Books, model: bytes = b"gpt-4o-mini", more: bytes = b"", **fields: Any) -> Record:
    """Settle a chat of a model."""
    return books.settle(CHAT % (model, more), **fields).record


@pytest.mark.parametrize(
    ("model", "more", "fields", "source"),
    [
        (b"gpt-4o-mini", b"", {}, "genai-prices"),
        (b"own-model", b"", {}, "config"),
        (b"gpt-4o-mini", b',"cost":0.25', {}, "provider"),
        (b"nobody-knows", b"", {"attempts": []}, "default"),
        (b"nobody-knows", b"", {"attempts": [], "snapshot": ZERO}, "none"),
        (b"gpt-4o-mini", b"", {"provider": "local"}, "free"),
    ],
)
def test_every_source_of_prices_is_recomputed(
    books: Books, model: bytes, more: bytes, fields: Any, source: str
) -> None:
    """From the rates in the record, from what the provider charged, or nothing; a nano-dollar more is seen."""
    one = answered(books, model, more, model_requested=model.decode(), **fields)
    assert (source, {}) == (one.price_source, differences(one))
    booked = one.cost_nano_usd
    one.cost_nano_usd += 1

    assert {"cost_nano_usd": (booked + 1, booked)} == differences(one)


def test_a_digit_in_the_rates_is_seen_twice(books: Books) -> None:
    """The cost does not follow from them, and the list does not name them."""
    one = answered(books)
    one.rates = msgspec.Raw(bytes(one.rates).replace(b'"output":6', b'"output":7'))

    assert {"cost_nano_usd", "rates"} == differences(one).keys()


@pytest.mark.parametrize("rates", [b'{"input":"1"}', b'{"input":1.5}', b"[1]", b'{"gold":1}', b"\xff"])
def test_rates_that_are_none_are_named(books: Books, rates: bytes) -> None:
    """They explain no cost."""
    one = answered(books)
    one.rates = msgspec.Raw(rates)

    assert {"rates"} == differences(one).keys()


def test_other_models_add_up(books: Books) -> None:
    """Each by its own rates, and the cost is all together."""
    one = books.settle(ADVISED, dialect="anthropic").record
    assert one.usage is not None
    (advice,) = one.usage.elsewhere
    assert advice.cost_nano_usd > 0
    assert {} == differences(one)
    advice.cost_nano_usd += 1
    assert {"usage.elsewhere[0].cost_nano_usd"} == differences(one).keys()
    advice.cost_nano_usd -= 1
    one.cost_nano_usd -= advice.cost_nano_usd
    assert {"cost_nano_usd"} == differences(one).keys()
    advice.rates = msgspec.Raw(b'{"gold":1}')

    assert "usage.elsewhere[0].rates" in differences(one)


def test_no_usage_costs_nothing() -> None:
    """Whatever the rest of the record says."""
    one = record(usage=None, cost_nano_usd=0, price_source="none")
    assert {} == differences(one)
    one.cost_nano_usd = 5

    assert {"cost_nano_usd": (5, 0)} == differences(one)


def test_unknown_word_for_the_source_is_named() -> None:
    """The list of words is closed."""
    assert {"price_source": (False, True)} == differences(record(usage=None, cost_nano_usd=0, price_source="guess"))


def test_what_cannot_be_judged_is_counted(books: Books) -> None:
    """Rates that were not kept, a list that is not in force, a provider that config no longer names."""
    found = Findings()
    old, other, gone, advised = answered(books), answered(books), answered(books), None
    old.rates = NONE
    other.price_version = "genai-prices 0.0.1"
    gone.provider = "gone"
    advised = books.settle(ADVISED, dialect="anthropic").record
    assert advised.usage is not None
    advised.usage.elsewhere[0].rates = NONE
    for one in (old, other, gone, advised):
        check_cost(one, one.usage, found)
        check_prices(one, SNAPSHOT.routing.provider(one.provider or ""), SNAPSHOT.prices.listed, found)

    assert [] == found.take()
    assert {
        "cost: the prices are not in the record: an earlier version wrote it": 1,
        "cost: the prices of another model are not in the record: an earlier version wrote it": 1,
        "prices: another price list was in force (genai-prices 0.0.1)": 1,
        "prices: the config names no provider gone": 1,
    } == found.skipped


def test_model_that_the_list_does_not_know_is_a_difference(books: Books) -> None:
    """Its prices cannot be the list's."""
    one = answered(books)
    one.model_served = None
    one.attempts[-1].model = "nobody-knows"

    assert {"rates"} == differences(one).keys()
