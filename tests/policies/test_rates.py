"""Every token is charged exactly once, in integers."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.policies.rates import (
    KINDS,
    Rates,
    Schedule,
    bill,
    cost_pico_usd,
    rates_for,
    rates_from_pico,
    rates_from_usd,
)

ONE_DOLLAR = {"input": Decimal(1), "output": Decimal(1)}
SONNET = {
    "input": Decimal(3),
    "output": Decimal(15),
    "cache_read": Decimal("0.30"),
    "cache_write": Decimal("3.75"),
    "cache_write_1h": Decimal(6),
}
UNITS = ("web_searches", "file_searches", "pages", "characters", "images", "seconds")


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Draw a usage whose parts fit into their totals."""
    parts = draw(st.lists(st.integers(0, 10_000), min_size=5, max_size=5))
    total, output = sum(parts), draw(st.integers(0, 10_000))
    some = st.integers(0, total) | st.just(0)
    wrote = st.integers(0, output) | st.just(0)
    cached = st.integers(0, parts[0]) | st.just(0)
    return Usage(
        input_total=total,
        input_cached_read=parts[0],
        input_cached_audio=draw(cached),
        input_cached_image=draw(cached),
        input_cached_video=draw(cached),
        input_cache_write_5m=parts[1],
        input_cache_write_1h=parts[2],
        input_cache_write_other=parts[3],
        input_audio=draw(some),
        input_image=draw(some),
        input_video=draw(some),
        output_total=output,
        output_reasoning=draw(wrote),
        output_audio=draw(wrote),
        output_image=draw(wrote),
        output_video=draw(wrote),
        output_citation=draw(wrote),
        **{name: draw(st.integers(0, 100) | st.just(0)) for name in UNITS},
    )


PLAIN = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "output_reasoning", "web_search", "request")
some_prices = st.one_of(
    [st.dictionaries(st.sampled_from(kinds), st.integers(0, 10**9)) for kinds in (list(KINDS), PLAIN)]
)
prices = some_prices.map(rates_from_pico)


@given(usages())
def test_at_one_price_only_the_totals_count(usage: Usage) -> None:
    """However the parts overlap, no token is charged twice or left out."""
    assert 1_000_000 * (usage.input_total + usage.output_total) == cost_pico_usd(usage, rates_from_usd(ONE_DOLLAR))


@given(usages(), prices)
def test_a_cost_is_what_its_lines_add_up_to(usage: Usage, rates: Rates) -> None:
    """The bill explains the amount to the last pico-dollar, and has a line for every token."""
    lines = bill(usage, rates)

    assert sum(line.pico_usd for line in lines) == cost_pico_usd(usage, rates) >= 0
    tokens = [line.amount for line in lines if line.kind.startswith(("input", "cache", "output"))]
    assert usage.input_total + usage.output_total == sum(tokens)
    assert all(line.amount > 0 for line in lines)


@given(usages(), some_prices)
def test_rates_are_told_so_that_they_can_be_used_again(usage: Usage, given: dict[str, int]) -> None:
    """What a record keeps of the rates makes the same rates, and so the same cost."""
    rates = rates_from_pico(given)

    again = rates_from_pico(json.loads(rates.given))

    assert rates == again
    assert cost_pico_usd(usage, rates) == cost_pico_usd(usage, again)


PARTS = {
    # what grows: the total that it grows with, and the larger part that it is in
    "input_total": (),
    "input_cached_read": ("input_total",),
    "input_cached_audio": ("input_cached_read", "input_audio", "input_total"),
    "input_cache_write_5m": ("input_total",),
    "input_cache_write_1h": ("input_total",),
    "input_cache_write_other": ("input_total",),
    "output_total": (),
    "output_reasoning": ("output_total",),
    "web_searches": (),
    "file_searches": (),
    "pages": (),
    "characters": (),
    "images": (),
    "seconds": (),
}


@given(usages(), prices, st.sampled_from(list(PARTS)), st.integers(1, 1000))
def test_more_of_anything_never_costs_less(usage: Usage, rates: Rates, part: str, more: int) -> None:
    """A disjoint part that grows, and its totals with it, makes the cost grow or leaves it."""
    for name in ("input_audio", "input_image", "input_video", "input_cached_image", "input_cached_video"):
        setattr(usage, name, 0)  # overlapping parts take each other's room: no longer disjoint
    for name in ("output_audio", "output_image", "output_video", "output_citation", "input_cached_audio"):
        setattr(usage, name, 0)
    before = cost_pico_usd(usage, rates)

    for name in (part, *PARTS[part]):
        setattr(usage, name, getattr(usage, name) + more)

    assert before <= cost_pico_usd(usage, rates)


def test_cached_input_costs_what_the_invoice_said() -> None:
    """3 in, 12304 cache writes, 550 out at 3 / 3.75 / 15 USD is 0.054399 USD."""
    usage = Usage(input_total=3 + 12_304, input_cache_write_5m=12_304, output_total=550)

    assert 54_399_000_000 == cost_pico_usd(usage, rates_from_usd(SONNET))


def test_prices_are_plain_where_nothing_must_be_told_from_text() -> None:
    """A price of their own for sound, pictures, pages or time makes them not so."""
    assert rates_from_usd(SONNET).is_plain
    assert rates_from_usd(SONNET | {"input_audio": Decimal(3)}).is_plain
    for kind in ("input_audio", "output_image", "cache_read_video", "page", "audio_hour", "audio_minimum"):
        assert not rates_from_usd(SONNET | {kind: Decimal(1)}).is_plain, kind


def test_a_lifetime_without_a_price_pays_the_general_one() -> None:
    """5m and unnamed cache writes fall back to cache_write, 1h has its own; without any they are plain input."""
    rates = rates_from_usd(SONNET)
    plain = rates_from_usd(ONE_DOLLAR)

    assert (3_750_000, 6_000_000, 3_750_000) == (rates.cache_write_5m, rates.cache_write_1h, rates.cache_write)
    assert {1_000_000} == {plain.cache_read, plain.cache_write_5m, plain.cache_write_1h, plain.output_reasoning}


def test_a_tier_is_a_cliff() -> None:
    """Above the start all tokens cost the tier's price, output too; at the start none does."""
    plain = rates_from_usd(ONE_DOLLAR)
    dear = rates_from_usd({"input": Decimal(2), "output": Decimal(4)})
    schedule = Schedule(plain, ((200_000, dear),))

    assert plain is rates_for(Usage(input_total=200_000, output_total=10), schedule)
    assert dear is rates_for(Usage(input_total=200_001, output_total=10), schedule)
    assert 2_000_000 * 200_001 + 4_000_000 * 10 == cost_pico_usd(Usage(input_total=200_001, output_total=10), dear)


def test_requests_that_were_added_up_are_in_the_tier_of_each() -> None:
    """A batch of small requests is no large one."""
    plain = rates_from_usd(ONE_DOLLAR)
    schedule = Schedule(plain, ((200_000, rates_from_usd({"input": Decimal(2)})),))

    assert plain is rates_for(Usage(input_total=900_000, requests=9, context=100_000), schedule)


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        (Usage(), 5_000_000),
        (Usage(requests=3), 15_000_000),
        (Usage(web_searches=2), 5_000_000 + 20_000_000),
        (Usage(file_searches=2), 5_000_000 + 5_000_000),
        (Usage(pages=3), 5_000_000 + 3_000_000),
        (Usage(images=2), 5_000_000 + 80_000_000),
        (Usage(seconds=15), 5_000_000 + 1_500_000),
        (Usage(characters=1000), 5_000_000 + 15_000_000),
    ],
)
def test_units_other_than_tokens_are_priced(usage: Usage, nano_usd: int) -> None:
    """Searches, requests and pages per thousand, pictures one by one, audio per hour, text per million characters."""
    rates = rates_from_usd(
        {
            "web_search": Decimal(10),
            "file_search": Decimal("2.5"),
            "request": Decimal(5),
            "page": Decimal(1),
            "image": Decimal("0.04"),
            "audio_hour": Decimal("0.36"),
            "character": Decimal(15),
        }
    )

    assert 1000 * nano_usd == cost_pico_usd(usage, rates)


def test_sound_and_pictures_cost_their_own_price_also_cached() -> None:
    """Of 60 tokens of sound 20 came from the cache; of 10 written all are a picture."""
    rates = rates_from_usd(
        ONE_DOLLAR | {"input_audio": Decimal(10), "cache_read_audio": Decimal(3), "output_image": Decimal(40)}
    )
    usage = Usage(
        input_total=100, input_audio=60, input_cached_read=50, input_cached_audio=20, output_total=10, output_image=10
    )

    assert 1_000_000 * (10 + 30 + 20 * 3 + 40 * 10 + 10 * 40) == cost_pico_usd(usage, rates)


@pytest.mark.parametrize(
    ("usd_per_million", "pico"),
    [("0.05", 50_000), ("2.5", 2_500_000), ("0.0000005", 1), ("0.0000004", 0), ("0.18000000000000002", 180_000)],
)
def test_price_is_rounded_half_up_once(usd_per_million: str, pico: int) -> None:
    """A price that is no whole number of pico-USD is rounded half-up."""
    assert pico == rates_from_usd({"input": Decimal(usd_per_million)}).input


def test_sound_has_a_least_price_for_each_request() -> None:
    """A clip below it is billed as that, and the bill says so; of several requests it is the least of each."""
    rates = rates_from_usd({"audio_hour": Decimal("0.36"), "audio_minimum": Decimal("0.001")})

    assert [("audio_minimum", 1, 10**9)] == [
        (one.kind, one.amount, one.pico_usd) for one in bill(Usage(seconds=9), rates)
    ]
    assert [("audio_hour", 11, 11 * 10**8)] == [
        (one.kind, one.amount, one.pico_usd) for one in bill(Usage(seconds=11), rates)
    ]
    assert 3 * 10**9 == cost_pico_usd(Usage(seconds=11, requests=3), rates)
    assert 0 == cost_pico_usd(Usage(input_total=5), rates)
