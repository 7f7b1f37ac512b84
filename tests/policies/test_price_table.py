"""The compiled price list says what genai-prices says, for every model and at every hour."""

import math
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint

from gateway.core.money import nano_from_pico
from gateway.core.usage import Usage
from gateway.policies import price_table
from gateway.policies.rates import cost_pico_usd, rates_for

PROVIDERS = data_snapshot.get_snapshot().providers
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
USAGE = Usage(
    input_total=250_123,
    input_cached_read=50_007,
    input_cache_write_5m=1_003,
    input_cache_write_1h=2_011,
    output_total=4_001,
    output_reasoning=1_999,
    web_searches=3,
)
# What the oracle charges for and no usage counts.
UNCOUNTED = ("kpages", "video", "storage", "text_messages", "citation")


def oracle_usage(usage: Usage) -> genai_prices.Usage:
    """Write a usage the oracle's way."""
    return genai_prices.Usage(
        input_tokens=usage.input_total,
        cache_read_tokens=usage.input_cached_read,
        cache_write_tokens=usage.input_cache_write,
        cache_write_5m_tokens=usage.input_cache_write_5m,
        cache_write_1h_tokens=usage.input_cache_write_1h,
        output_tokens=usage.output_total,
        output_reasoning_tokens=usage.output_reasoning,
        web_searches=usage.web_searches,
    )


def all_prices(model: ModelInfo) -> list[ModelPrice]:
    """Return every price set of a model."""
    sets = [model.prices] if isinstance(model.prices, ModelPrice) else [part.prices for part in model.prices]
    return sets + [variant.prices for variant in model.price_variants or ()]


def is_whole(model: ModelInfo) -> bool:
    """Tell whether all prices of a model are whole pico-USD, so that compiling them rounds nothing."""
    found: list[Decimal] = []
    for prices in all_prices(model):
        for price in vars(prices).values():
            if isinstance(price, TieredPrices):
                found += [price.base, *(tier.price for tier in price.tiers)]
            elif price is not None:
                found.append(price)
    return all(price * 10**6 == int(price * 10**6) for price in found)


def assert_equal_cost(provider: str, model: str, context: dict[str, str], at: datetime) -> None:
    """Compare one price with the oracle's, rounded up to the nano."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = genai_prices.calc_price(
            oracle_usage(USAGE), model, provider_id=provider, genai_request_timestamp=at, price_context=context
        )
    schedule = price_table.find(provider, "https://nowhere.invalid", [model], context, at.timestamp())

    assert schedule is not None
    assert schedule.valid_from_s <= at.timestamp() < schedule.valid_until_s
    assert math.ceil(expected.total_price * 10**9) == nano_from_pico(
        cost_pico_usd(USAGE, rates_for(USAGE, schedule))
    ), (provider, model)


def test_every_listed_model_costs_what_the_oracle_says() -> None:
    """All providers and models, standard and fast and flexible, tiers and cache prices included."""
    compared = 0
    for provider in PROVIDERS:
        for model in provider.models:
            if not is_whole(model) or any(
                word in key for prices in all_prices(model) for key in vars(prices) for word in UNCOUNTED
            ):
                continue
            contexts: list[dict[str, str]] = [{}, *(variant.when for variant in model.price_variants or ())]
            for context in contexts:
                if provider.find_model(model.id) is model:
                    assert_equal_cost(provider.id, model.id, context, NOON)
                    compared += 1

    assert compared > 2000


def test_prices_by_the_hour_change_at_their_hour() -> None:
    """A schedule's span ends where the price changes, and each instant has the price of its hour."""
    timed = [
        (provider.id, model)
        for provider in PROVIDERS
        for model in provider.models
        if not isinstance(model.prices, ModelPrice)
        and any(isinstance(part.constraint, TimeOfDateConstraint) for part in model.prices)
        and provider.find_model(model.id) is model
    ]
    assert timed
    for provider, model in timed:
        for step in range(0, 24 * 60, 30):
            assert_equal_cost(provider, model.id, {}, datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=step))
        first = price_table.find(provider, "", [model.id], {}, NOON.timestamp())
        assert first is not None
        assert 0 < first.valid_until_s - first.valid_from_s < 86_400


def test_prices_that_begin_on_a_day_begin_at_its_midnight() -> None:
    """The day before a new price the old one holds."""
    dated = [
        (provider.id, model)
        for provider in PROVIDERS
        for model in provider.models
        if is_whole(model) and not isinstance(model.prices, ModelPrice) and provider.find_model(model.id) is model
    ]
    compared = 0
    for provider, model in dated[:200]:
        for part in model.prices if isinstance(model.prices, list) else ():
            start: Any = getattr(part.constraint, "start_date", None)
            if start is None or any(word in key for key in vars(part.prices) for word in UNCOUNTED):
                continue
            midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
            assert_equal_cost(provider, model.id, {}, midnight)
            assert_equal_cost(provider, model.id, {}, midnight - timedelta(seconds=1))
            compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("name", "base_url", "models"),
    [
        ("mine", "https://api.openai.com/v1", ["gpt-4o-2024-08-06"]),
        ("openai", "http://127.0.0.1:9/v1", ["gpt-4o"]),
        ("mine", "http://127.0.0.1:9/v1", ["gpt-4o"]),
        ("mine", "http://127.0.0.1:9/v1", ["nonsense", "gpt-4o"]),
        ("mine", "http://127.0.0.1:9/v1", ["GPT-4o"]),
    ],
)
def test_a_model_is_found_by_address_by_name_or_by_itself(name: str, base_url: str, models: list[str]) -> None:
    """First the provider's address, then its name, then whoever makes the model; the first known model counts."""
    found = price_table.find(name, base_url, models, {}, NOON.timestamp())

    assert found is not None
    assert 2_500_000 == found.base.input


def test_googles_path_form_of_a_model_is_known() -> None:
    """`models/x` is x."""
    base_url = "https://generativelanguage.googleapis.com"

    plain = price_table.find("gemini", base_url, ["gemini-2.5-pro"], {}, NOON.timestamp())

    assert plain is not None
    assert plain == price_table.find("gemini", base_url, ["models/gemini-2.5-pro"], {}, NOON.timestamp())
    assert [200_000] == [start for start, _ in plain.tiers]


def test_an_unknown_model_has_no_price() -> None:
    """Nothing is guessed."""
    assert None is price_table.find("mine", "http://127.0.0.1:9", ["nonsense"], {}, NOON.timestamp())
    assert None is price_table.find("openai", "https://api.openai.com/v1", [], {}, NOON.timestamp())


def test_price_classes_belong_to_the_provider_that_has_them() -> None:
    """Who resells a model does not resell its classes."""
    maker, reseller = (
        [
            price_table.find(name, "", ["gpt-5.2"], context, NOON.timestamp())
            for context in ({}, {"service_tier": "flex"})
        ]
        for name in ("openai", "azure")
    )

    assert maker[0] != maker[1]
    assert reseller[0] == reseller[1] == maker[0]


def test_the_window_of_a_listed_model_is_told() -> None:
    """By address, name or itself, as its price; where the list says nothing, nothing is said."""
    assert 128_000 == price_table.context_window("openai", "https://api.openai.com/v1", "gpt-4o")
    assert 1_048_576 == price_table.context_window("gemini", "", "models/gemini-2.5-flash")
    assert None is price_table.context_window("openai", "https://api.openai.com/v1", "gpt-4.5-preview")
    assert None is price_table.context_window("mine", "http://127.0.0.1:9", "nonsense")
