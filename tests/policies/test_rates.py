"""Every token is charged exactly once, in integers."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.policies.rates import Schedule, cost_pico_usd, rates_from_usd

ONE_DOLLAR = {"input": Decimal(1), "output": Decimal(1)}
SONNET = {
    "input": Decimal(3),
    "output": Decimal(15),
    "cache_read": Decimal("0.30"),
    "cache_write": Decimal("3.75"),
    "cache_write_1h": Decimal(6),
}


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Draw a usage whose parts fit into their totals."""
    parts = draw(st.lists(st.integers(0, 10_000), min_size=5, max_size=5))
    total, output = sum(parts), draw(st.integers(0, 10_000))
    return Usage(
        input_total=total,
        input_cached_read=parts[0],
        input_cache_write_5m=parts[1],
        input_cache_write_1h=parts[2],
        input_cache_write_other=parts[3],
        input_audio=draw(st.integers(0, total)),
        input_image=draw(st.integers(0, total)),
        output_total=output,
        output_reasoning=draw(st.integers(0, output)),
        output_audio=draw(st.integers(0, output)),
        output_image=draw(st.integers(0, output)),
    )


@given(usages())
def test_at_one_price_only_the_totals_count(usage: Usage) -> None:
    """However the parts overlap, no token is charged twice or left out."""
    cost = cost_pico_usd(usage, Schedule(rates_from_usd(ONE_DOLLAR)))

    assert 1_000_000 * (usage.input_total + usage.output_total) == cost


def test_cached_input_costs_what_the_invoice_said() -> None:
    """3 in, 12304 cache writes, 550 out at 3 / 3.75 / 15 USD is 0.054399 USD."""
    usage = Usage(input_total=3 + 12_304, input_cache_write_5m=12_304, output_total=550)

    assert 54_399_000_000 == cost_pico_usd(usage, Schedule(rates_from_usd(SONNET)))


def test_a_lifetime_without_a_price_pays_the_general_one() -> None:
    """5m and unnamed cache writes fall back to cache_write, 1h has its own; without any they are plain input."""
    rates = rates_from_usd(SONNET)
    plain = rates_from_usd(ONE_DOLLAR)

    assert (3_750_000, 6_000_000, 3_750_000) == (rates.cache_write_5m, rates.cache_write_1h, rates.cache_write_other)
    assert {1_000_000} == {plain.cache_read, plain.cache_write_5m, plain.cache_write_1h, plain.output_reasoning}


def test_a_tier_is_a_cliff() -> None:
    """Above the start all tokens cost the tier's price, output too; at the start none does."""
    dear = rates_from_usd({"input": Decimal(2), "output": Decimal(4)})
    schedule = Schedule(rates_from_usd(ONE_DOLLAR), ((200_000, dear),))

    assert 1_000_000 * 200_010 == cost_pico_usd(Usage(input_total=200_000, output_total=10), schedule)
    assert 2_000_000 * 200_001 + 4_000_000 * 10 == cost_pico_usd(Usage(input_total=200_001, output_total=10), schedule)


def test_units_other_than_tokens_are_priced() -> None:
    """Searches and requests per thousand, audio per hour, text per million characters."""
    usd = {"web_search": Decimal(10), "request": Decimal(5), "audio_hour": Decimal("0.36"), "character": Decimal(15)}
    schedule = Schedule(rates_from_usd(usd))

    assert 5 * 10**9 == cost_pico_usd(Usage(), schedule)
    assert (5 + 2 * 10) * 10**9 == cost_pico_usd(Usage(web_searches=2), schedule)
    assert 5 * 10**9 + 15 * 10**8 == cost_pico_usd(Usage(seconds=15), schedule)
    assert 5 * 10**9 + 15 * 10**9 == cost_pico_usd(Usage(characters=1000), schedule)


def test_sound_and_pictures_cost_their_own_price_where_they_are_not_cached() -> None:
    """Audio and image tokens are part of the totals and pay the difference."""
    rates = rates_from_usd(ONE_DOLLAR | {"input_audio": Decimal(10), "output_image": Decimal(40)})
    usage = Usage(input_total=100, input_audio=60, input_cached_read=50, output_total=10, output_image=10)

    assert 1_000_000 * (50 + 50 * 10 + 10 * 40) == cost_pico_usd(usage, Schedule(rates))
