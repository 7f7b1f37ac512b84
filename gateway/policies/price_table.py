"""What does the public price list say about a model? genai-prices, compiled into integers for one instant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import genai_prices
from genai_prices import data_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from gateway.policies.rates import TOKEN_KINDS, Rates, Schedule, rates_from_usd

VERSION = f"genai-prices {genai_prices.__version__}"

# Their price keys: our kinds. Prices of things that no answer counts (messages in a live session) are left out.
_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
    "cache_video_read_mtok": "cache_read_video",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "output_reasoning_mtok": "output_reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "output_citation_mtok": "output_citation",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "requests_kcount": "request",
    "input_document_kpages": "page",
    "audio_hours": "audio_hour",
    "input_audio_hours": "audio_hour",
    "input_mchars": "character",
}
# What inference in one geography costs more than anywhere, by the price list's provider: no list of prices has it.
_GEO_FACTORS = {("anthropic", "us"): Decimal("1.1")}

Constraint = StartDateConstraint | TimeOfDateConstraint | None


def find(
    name: str, base_url: str, models: Iterable[str], context: Mapping[str, str], at_unix_s: float
) -> Schedule | None:
    """Find the rates of the first of `models` that is listed: with this provider, else with the one that makes it.

    `context` holds what an answer says about its own price class: service_tier, speed, processing, geo.
    """
    providers = data_snapshot.get_snapshot().providers
    wanted = [model.removeprefix("models/") for model in models]
    for provider, model in _places(providers, _provider(providers, name, base_url), wanted):
        found = provider.find_model(model, all_providers=providers)
        if found is not None:
            # A model that the provider only resells has no price classes there.
            own = any(found is each for each in provider.models)
            factor = _GEO_FACTORS.get((provider.id, context.get("geo", "")), Decimal(1))
            return _schedule(found, context if own else {}, datetime.fromtimestamp(at_unix_s, UTC), factor)
    return None


def context_window(name: str, base_url: str, model: str) -> int | None:
    """Return how many tokens a listed model can read, often rounded; None: the list does not say."""
    providers = data_snapshot.get_snapshot().providers
    for provider, wanted in _places(providers, _provider(providers, name, base_url), [model.removeprefix("models/")]):
        found = provider.find_model(wanted, all_providers=providers)
        if found is not None:
            return found.context_window
    return None


def _provider(providers: list[Provider], name: str, base_url: str) -> Provider | None:
    for provider in providers:
        if re.match(provider.api_pattern, base_url):
            return provider
    return next((provider for provider in providers if provider.id == name.lower()), None)


def _places(providers: list[Provider], home: Provider | None, models: list[str]) -> Iterator[tuple[Provider, str]]:
    if home is not None:
        for model in models:
            yield home, model
    for model in models:
        for provider in providers:
            if provider.model_match is not None and provider.model_match.is_match(model.lower()):
                yield provider, model
                break


def _schedule(model: ModelInfo, context: Mapping[str, str], at: datetime, factor: Decimal) -> Schedule:
    prices = {
        _KINDS[key]: price
        for key, price in vars(model.get_prices(at, context)).items()
        if price is not None and key in _KINDS
    }
    starts = {tier.start for price in prices.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    valid_from, valid_until = _validity(model, at)
    return Schedule(
        _rates(prices, 0, factor),
        tuple((start, _rates(prices, start + 1, factor)) for start in sorted(starts, reverse=True)),
        valid_from,
        valid_until,
    )


def _rates(prices: Mapping[str, Decimal | TieredPrices], input_total: int, factor: Decimal) -> Rates:
    at = {kind: _price_at(price, input_total) for kind, price in prices.items()}
    return rates_from_usd({kind: price * factor if kind in TOKEN_KINDS else price for kind, price in at.items()})


def _price_at(price: Decimal | TieredPrices, input_total: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if input_total > tier.start), price.base)


def _validity(model: ModelInfo, at: datetime) -> tuple[float, float]:
    """Return the span around `at` in which the same prices hold: up to the next UTC midnight or hour of change."""
    constraints = [part.constraint for part in _conditions(model) if part.constraint is not None]
    if not constraints:
        return float("-inf"), float("inf")
    midnight = datetime.combine(at.date(), time(), UTC)
    changes = {midnight, midnight + timedelta(days=1)}
    for constraint in constraints:
        if isinstance(constraint, TimeOfDateConstraint):
            changes |= {_on_day(midnight, constraint.start_time), _on_day(midnight, constraint.end_time)}
    return (
        max(change for change in changes if change <= at).timestamp(),
        min(change for change in changes if change > at).timestamp(),
    )


def _on_day(midnight: datetime, change: time) -> datetime:
    """Return the instant of a time of day on the UTC day that begins at `midnight`."""
    zoned = change if change.tzinfo is not None else change.replace(tzinfo=UTC)
    utc = datetime.combine(midnight.date(), zoned).astimezone(UTC).time()
    return datetime.combine(midnight.date(), utc, UTC)


def _conditions(model: ModelInfo) -> Iterator[ConditionalPrice | PriceVariant]:
    if not isinstance(model.prices, ModelPrice):
        yield from model.prices
    yield from model.price_variants or ()
