"""The compiled price list says what genai-prices says: every model, price class, tier edge, date and hour of change."""

import math
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import genai_prices
import pytest
from genai_prices.types import ModelInfo, Provider, TimeOfDateConstraint

from gateway.config.model import PriceKind
from gateway.core.money import nano_from_pico
from gateway.core.usage import Usage
from gateway.policies.price_table import KIND_OF_KEY, UNPRICED, UNTOLD, bundled
from gateway.policies.rates import KINDS, TOKEN_KINDS, Rates, Schedule, cost_pico_usd, rates_for
from tests.policies.listed import NOON, PROVIDERS, contexts, edges, figures, instants, is_whole, name_of, price_sets

LIST = bundled()
NOWHERE = "https://nowhere.invalid"

# Some of everything that has a price; its parts overlap only where a usage says so.
PARTS = {
    "input_cached_read": 5_003,
    "input_cached_audio": 1_009,
    "input_cached_image": 701,
    "input_cached_video": 307,
    "input_cache_write_5m": 1_003,
    "input_cache_write_1h": 2_011,
    "input_cache_write_other": 503,
    "input_audio": 2_003,
    "input_image": 1_409,
    "input_video": 911,
    "input_tool": 17,
    "output_total": 9_001,
    "output_reasoning": 1_999,
    "output_audio": 1_501,
    "output_image": 1_201,
    "output_video": 601,
    "output_citation": 101,
    "web_searches": 3,
    "file_searches": 7,
    "characters": 10_007,
    "pages": 13,
    "seconds": 754.321,
}
# Prices that are no whole pico-USD for a token: floats on their way into the list, or thirds of a price.
FRACTIONAL = {
    "huggingface_together": [
        "Qwen/Qwen3-VL-8B-Instruct",
        "deepseek-ai/DeepSeek-V4-Flash-0731",
        "meta-llama/Llama-3.3-70B-Instruct",
    ],
    "openrouter": [
        "google/gemini-2.5-flash",
        "google/gemini-2.5-flash-image",
        "google/gemini-2.5-flash-lite",
        "google/gemini-2.5-flash-lite:batch",
        "google/gemini-2.5-flash:batch",
        "google/gemini-3-flash-preview",
        "google/gemini-3-flash-preview:batch",
        "google/gemini-3.1-flash-lite",
        "google/gemini-3.1-flash-lite:batch",
        "google/gemini-3.5-flash",
        "google/gemini-3.5-flash-lite",
        "google/gemini-3.5-flash-lite:batch",
        "google/gemini-3.5-flash:batch",
        "google/gemini-3.6-flash",
        "google/gemini-3.6-flash:batch",
        "google/gemini-3.7-flash",
        "google/gemini-3.7-flash:batch",
        "google/gemini-3.8-flash",
        "google/gemini-3.8-flash:batch",
        "~google/gemini-flash-latest",
    ],
}


def oracle_usage(usage: Usage) -> genai_prices.Usage:
    """Write a usage the oracle's way."""
    return genai_prices.Usage(
        input_tokens=usage.input_total,
        cache_read_tokens=usage.input_cached_read,
        cache_audio_read_tokens=usage.input_cached_audio,
        cache_image_read_tokens=usage.input_cached_image,
        cache_video_read_tokens=usage.input_cached_video,
        cache_write_tokens=usage.input_cache_write,
        cache_write_5m_tokens=usage.input_cache_write_5m,
        cache_write_1h_tokens=usage.input_cache_write_1h,
        input_audio_tokens=usage.input_audio,
        input_image_tokens=usage.input_image,
        input_video_tokens=usage.input_video,
        input_tool_tokens=usage.input_tool,
        output_tokens=usage.output_total,
        output_reasoning_tokens=usage.output_reasoning,
        output_audio_tokens=usage.output_audio,
        output_image_tokens=usage.output_image,
        output_video_tokens=usage.output_video,
        output_citation_tokens=usage.output_citation,
        web_searches=usage.web_searches,
        storage_searches=usage.file_searches,
        input_characters=usage.characters,
        input_document_pages=usage.pages,
        audio_seconds=usage.seconds,
        input_audio_seconds=usage.seconds,
    )


def oracle_usd(provider: Provider, name: str, usage: Usage, context: dict[str, str], at: datetime) -> Fraction:
    """Ask the oracle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        priced = genai_prices.calc_price(
            oracle_usage(usage), name, provider_id=provider.id, genai_request_timestamp=at, price_context=context
        )
    return Fraction(priced.total_price)


def schedule_of(provider: Provider, name: str, context: dict[str, str], at: datetime) -> Schedule:
    """Ask the list."""
    schedule = LIST.find(provider.id, NOWHERE, [name], context, at.timestamp())

    assert schedule is not None
    assert schedule.valid_from_s <= at.timestamp() < schedule.valid_until_s
    return schedule


def assert_equal_cost(
    provider: Provider, model: ModelInfo, name: str, usage: Usage, context: dict[str, str], at: datetime
) -> None:
    """Compare one cost with the oracle's, rounded up to the nano; for FRACTIONAL within a pico for each token."""
    expected = oracle_usd(provider, name, usage, context, at)
    rates = rates_for(usage, schedule_of(provider, name, context, at))
    pico = cost_pico_usd(usage, rates)

    if model.id in FRACTIONAL.get(provider.id, ()):
        assert abs(expected * 10**12 - pico) <= usage.input_total + usage.output_total, (provider.id, name, context, at)
    else:
        assert math.ceil(expected * 10**9) == nano_from_pico(pico), (provider.id, name, context, at)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)
def test_every_listed_model_costs_what_the_oracle_says(provider: Provider) -> None:
    """In each price class, at each tier's edge, before and at each change: a usage that has some of everything."""
    for model in provider.models:
        name = name_of(provider, model)
        for total in edges(model):
            usage = Usage(input_total=total, **PARTS)  # type: ignore[arg-type]
            for context in contexts(model):
                for at in instants(model):
                    assert_equal_cost(provider, model, name, usage, context, at)


def one_of_each_kind() -> list[tuple[Provider, ModelInfo]]:
    """Return a model for every combination of things that are priced."""
    found = {
        tuple(sorted(key for prices in price_sets(model) for key in vars(prices))): (provider, model)
        for provider in PROVIDERS
        for model in provider.models
        if model.id not in FRACTIONAL.get(provider.id, ())
    }
    return list(found.values())


@pytest.mark.parametrize("part", PARTS)
def test_each_kind_alone_costs_what_the_oracle_says(part: str) -> None:
    """Two mistakes in one bill could make up for each other; and sound is shorter here than what is billed at least."""
    whole = {
        "input_cached_audio": ("input_cached_read", "input_audio"),
        "input_cached_image": ("input_cached_read", "input_image"),
        "input_cached_video": ("input_cached_read", "input_video"),
    }
    usage = Usage(input_total=30_011)
    for name in (part, *whole.get(part, ())):
        setattr(usage, name, PARTS[part] if part != "seconds" else 2.5)
    usage.output_total = max(usage.output_total, 3_001)
    for provider, model in one_of_each_kind():
        assert_equal_cost(provider, model, name_of(provider, model), usage, {}, NOON)


def test_only_prices_that_are_no_whole_pico_dollars_are_excepted() -> None:
    """The exceptions are those of the list and no others; a model that gets better must leave the table."""
    fractional = {
        provider.id: [
            model.id for model in provider.models if not all(is_whole(key, usd) for key, usd in figures(model))
        ]
        for provider in PROVIDERS
    }

    assert FRACTIONAL == {provider: models for provider, models in fractional.items() if models}


def test_everything_that_the_list_prices_has_a_kind_or_a_reason() -> None:
    """A price key of a new release must be decided upon, and whatever the list prices config can price, too."""
    keys = {key for provider in PROVIDERS for model in provider.models for key, _ in figures(model)}

    assert set() == keys - set(KIND_OF_KEY) - set(UNPRICED)
    assert set(UNPRICED) <= keys
    assert set(KIND_OF_KEY.values()) <= set(KINDS) == set(get_args(PriceKind)) == set(Rates._fields[: len(KINDS)])


def test_everything_that_chooses_a_class_is_told_by_answers_or_has_a_reason() -> None:
    """The same for contexts."""
    told = {"service_tier", "speed", "processing"}
    asked = {name for provider in PROVIDERS for model in provider.models for each in contexts(model) for name in each}

    assert told | set(UNTOLD) == asked


def test_sound_is_listed_once_or_twice_the_same() -> None:
    """`audio_hours` and `input_audio_hours` are one kind here: we count what was heard."""
    for provider in PROVIDERS:
        for model in provider.models:
            for prices in price_sets(model):
                assert prices.input_audio_hours in (None, prices.audio_hours), (provider.id, model.id)


def test_groq_bills_at_least_ten_seconds() -> None:
    """Told by Groq, and by genai-prices in its code: a short clip costs as much as one of ten seconds."""
    (groq,) = (provider for provider in PROVIDERS if provider.id == "groq")
    for model in (model for model in groq.models if model.id.startswith("whisper")):
        for context in contexts(model):
            for seconds in (0.4, 9.999, 10, 10.001, 3600):
                assert_equal_cost(groq, model, model.id, Usage(seconds=seconds), context, NOON)
            rates = schedule_of(groq, model.id, context, NOON).base
            assert 0 < cost_pico_usd(Usage(seconds=0.4), rates) == cost_pico_usd(Usage(seconds=10), rates)
            assert 0 == cost_pico_usd(Usage(), rates)


def test_a_geography_that_costs_more_costs_that_on_every_token() -> None:
    """Anthropic: 1.1 times all that is counted in tokens where inference stays in the US; searches cost the same."""
    (anthropic,) = (provider for provider in PROVIDERS if provider.id == "anthropic")
    for model in anthropic.models:
        for context in contexts(model):
            plain, us = (
                schedule_of(anthropic, name_of(anthropic, model), context | geo, NOON) for geo in ({}, {"geo": "us"})
            )
            pairs = [
                (plain.base, us.base),
                *((low[1], high[1]) for low, high in zip(plain.tiers, us.tiers, strict=True)),
            ]
            for standard, dear in pairs:
                for kind in KINDS:
                    factor = Decimal("1.1") if kind in TOKEN_KINDS else 1
                    assert getattr(standard, kind) * factor == getattr(dear, kind), (model.id, kind)


@pytest.mark.parametrize("geo", ["global", "not_available", "eu", ""])
def test_other_geographies_cost_the_standard_price(geo: str) -> None:
    """Only what a provider documents costs more, and only there."""
    standard = LIST.find("anthropic", NOWHERE, ["claude-opus-5-5"], {}, NOON.timestamp())
    elsewhere = LIST.find("openai", NOWHERE, ["gpt-4o"], {}, NOON.timestamp())

    assert standard == LIST.find("anthropic", NOWHERE, ["claude-opus-5-5"], {"geo": geo}, NOON.timestamp())
    assert elsewhere == LIST.find("openai", NOWHERE, ["gpt-4o"], {"geo": "us"}, NOON.timestamp())


@pytest.mark.parametrize("context", [{"service_tier": "nonsense"}, {"speed": ""}, {"processing": "Batch"}, {"x": "y"}])
def test_a_class_that_the_list_does_not_know_costs_the_standard_price(context: dict[str, str]) -> None:
    """What a provider invents tomorrow is booked at what is known."""
    for model in ("gpt-5.2", "gpt-4o"):
        standard = LIST.find("openai", NOWHERE, [model], {}, NOON.timestamp())

        assert standard == LIST.find("openai", NOWHERE, [model], context, NOON.timestamp())


def has_hours(model: ModelInfo) -> bool:
    """Tell whether a model's price goes by the hour."""
    return isinstance(model.prices, list) and any(
        isinstance(part.constraint, TimeOfDateConstraint) for part in model.prices
    )


def test_prices_by_the_hour_hold_for_hours() -> None:
    """A schedule's span ends where the price changes, and each instant has the price of its hour."""
    timed = [(provider, model) for provider in PROVIDERS for model in provider.models if has_hours(model)]
    assert timed
    for provider, model in timed:
        name, usage = name_of(provider, model), Usage(input_total=30_011, output_total=4_001)
        for step in range(0, 24 * 60, 30):
            at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=step)
            assert_equal_cost(provider, model, name, usage, {}, at)
        first = schedule_of(provider, name, {}, NOON)
        assert 0 < first.valid_until_s - first.valid_from_s < 86_400


def test_the_next_change_is_the_first_instant_with_other_prices() -> None:
    """Of every model that has dates or hours, in every class: before it nothing changes, and without one never."""
    began_s = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    compared = 0
    for provider in PROVIDERS:
        for model in (model for model in provider.models if len(instants(model)) > 1):
            listed = LIST.look(provider.id, NOWHERE, [name_of(provider, model)])
            assert listed is not None
            for context in contexts(model):
                changes = [at_s for at in instants(model) if (at_s := at.timestamp()) > began_s]
                now = listed.schedule(context, began_s)[:2]
                change = listed.next_change(context, began_s)
                before = [at_s for at_s in changes if change is None or at_s < change]
                dated = [at_s for at_s in before if not has_hours(model)]
                assert all(now == listed.schedule(context, at_s)[:2] for at_s in dated), (provider.id, model.id)
                assert change is None or now != listed.schedule(context, change)[:2]
                compared += 1

    assert compared > 200


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
    found = LIST.find(name, base_url, models, {}, NOON.timestamp())

    assert found is not None
    assert 2_500_000 == found.base.input


def test_googles_path_form_of_a_model_is_known() -> None:
    """`models/x` is x."""
    base_url = "https://generativelanguage.googleapis.com"

    plain = LIST.find("gemini", base_url, ["gemini-2.5-pro"], {}, NOON.timestamp())

    assert plain is not None
    assert plain == LIST.find("gemini", base_url, ["models/gemini-2.5-pro"], {}, NOON.timestamp())
    assert [200_000] == [start for start, _ in plain.tiers]


def test_an_unknown_model_has_no_price() -> None:
    """Nothing is guessed."""
    assert None is LIST.find("mine", "http://127.0.0.1:9", ["nonsense"], {}, NOON.timestamp())
    assert None is LIST.find("openai", "https://api.openai.com/v1", [], {}, NOON.timestamp())


def test_price_classes_belong_to_the_provider_that_has_them() -> None:
    """Who resells a model does not resell its classes."""
    maker, reseller = (
        [LIST.find(name, "", ["gpt-5.2"], context, NOON.timestamp()) for context in ({}, {"service_tier": "flex"})]
        for name in ("openai", "azure")
    )

    assert maker[0] != maker[1]
    assert reseller[0] == reseller[1] == maker[0]


def test_the_classes_of_a_model_are_listed() -> None:
    """Those of its variants, and where it runs; of one that is only resold there are none."""
    own = bundled().look("anthropic", "https://api.anthropic.com", ["claude-opus-5-5"])
    gemini = bundled().look("google", "https://generativelanguage.googleapis.com", ["gemini-2.5-pro"])

    assert own is not None
    assert gemini is not None
    assert {"speed": "fast"} in own.classes()
    assert {"geo": "us"} in own.classes()
    assert {"geo": "us"} not in gemini.classes()


def test_the_window_of_a_listed_model_is_told() -> None:
    """By address, name or itself, as its price; where the list says nothing, nothing is said."""
    assert 128_000 == bundled().context_window("openai", "https://api.openai.com/v1", "gpt-4o")
    assert 1_048_576 == bundled().context_window("gemini", "", "models/gemini-2.5-flash")
    assert None is bundled().context_window("openai", "https://api.openai.com/v1", "gpt-4.5-preview")
    assert None is bundled().context_window("mine", "http://127.0.0.1:9", "nonsense")
