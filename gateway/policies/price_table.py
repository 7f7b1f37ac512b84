"""What does a public price list say about a model? genai-prices' kind of list, in integers, for one instant."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

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

# Their price keys: our kinds. Those that are missing here are in UNPRICED.
KIND_OF_KEY = {
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
    "input_audio_hours": "audio_hour",  # the same price wherever both are listed
    "input_mchars": "character",
}
# What the list prices and no exchange is billed for, each with the reason.
UNPRICED = {
    "input_annotated_document_kpages": "the answer counts pages and does not tell which were annotated: all are `page`",
    "input_text_messages_kcount": "messages of live voice sessions, which are WebSockets and not relayed",
}
# Parts of the list's contexts that no answer tells, each with what decides.
UNTOLD = {
    "route": "OpenRouter names the charge itself (`cost`), which wins",
    "search_type": "Perplexity names the charge itself (`cost`), which wins; without it the dearer search is booked",
}
# What inference in one geography costs more than anywhere, by the price list's provider: no list of prices has it.
_GEO_FACTORS = {("anthropic", "us"): Decimal("1.1")}
# The least that a request with sound is billed as, in seconds: genai-prices has it in its code instead of its list.
_LEAST_SECONDS = {("groq", "whisper-large-v3"): 10, ("groq", "whisper-large-v3-turbo"): 10}

Constraint = StartDateConstraint | TimeOfDateConstraint | None


class Listed(NamedTuple):
    """A model of the list as `provider` sells it. `own`: it stands under that provider, with its price classes."""

    provider: str
    model: ModelInfo
    own: bool

    def schedule(self, context: Mapping[str, str], at_unix_s: float) -> Schedule:
        """Compile the prices of one class at one instant. A value of `context` that the list does not know is the
        standard price."""
        at = datetime.fromtimestamp(at_unix_s, UTC)
        # Who only resells a model does not sell its price classes.
        prices = dict(_prices(self.model, context if self.own else {}, at))
        if least := _LEAST_SECONDS.get((self.provider, self.model.id)):
            prices["audio_minimum"] = _least(prices.get("audio_hour"), least)
        factor = _GEO_FACTORS.get((self.provider, context.get("geo", "")), Decimal(1))
        return _schedule(prices, factor, _validity(self.model, at))

    def next_change(self, context: Mapping[str, str], at_unix_s: float) -> float | None:
        """Return when other prices begin to hold; None: no such instant is listed."""
        now = self.schedule(context, at_unix_s)
        for change in _changes(self.model, datetime.fromtimestamp(at_unix_s, UTC)):
            then = self.schedule(context, change.timestamp())
            if (then.base, then.tiers) != (now.base, now.tiers):
                return change.timestamp()
        return None

    def classes(self) -> list[dict[str, str]]:
        """List the contexts that change the price."""
        variants = self.model.price_variants or () if self.own else ()
        geos = [{"geo": geo} for provider, geo in _GEO_FACTORS if provider == self.provider]
        return [*_distinct(variant.when for variant in variants), *geos]


class PriceList:
    """One version of the list. It never changes: a newer one is another object."""

    __slots__ = ("_providers", "version")

    def __init__(self, providers: Sequence[Provider], version: str) -> None:
        self._providers = list(providers)
        self.version = version

    @property
    def size(self) -> int:
        """How many models it has."""
        return sum(len(provider.models) for provider in self._providers)

    def find(
        self, name: str, base_url: str, models: Iterable[str], context: Mapping[str, str], at_unix_s: float
    ) -> Schedule | None:
        """Find the rates of the first of `models` that is listed; None: none is.

        `context` holds what an answer says about its own price class: service_tier, speed, processing, geo.
        """
        listed = self.look(name, base_url, models)
        return None if listed is None else listed.schedule(context, at_unix_s)

    def look(self, name: str, base_url: str, models: Iterable[str]) -> Listed | None:
        """Look for the first of `models` that is listed: with this provider, else with the one that makes it."""
        wanted = [model.removeprefix("models/") for model in models]
        for provider, model in self._places(self._provider(name, base_url), wanted):
            found = provider.find_model(model, all_providers=self._providers)
            if found is not None:
                return Listed(provider.id, found, any(found is each for each in provider.models))
        return None

    def context_window(self, name: str, base_url: str, model: str) -> int | None:
        """Return how many tokens a listed model can read, often rounded; None: the list does not say."""
        listed = self.look(name, base_url, [model])
        return None if listed is None else listed.model.context_window

    def _provider(self, name: str, base_url: str) -> Provider | None:
        for provider in self._providers:
            if re.match(provider.api_pattern, base_url):
                return provider
        return next((provider for provider in self._providers if provider.id == name.lower()), None)

    def _places(self, home: Provider | None, models: list[str]) -> Iterator[tuple[Provider, str]]:
        if home is not None:
            for model in models:
                yield home, model
        for model in models:
            for provider in self._providers:
                if provider.model_match is not None and provider.model_match.is_match(model.lower()):
                    yield provider, model
                    break


def bundled() -> PriceList:
    """Return the list that came with genai-prices: it needs no network and changes with that package only."""
    return PriceList(data_snapshot.get_snapshot().providers, f"genai-prices {genai_prices.__version__}")


def _distinct(contexts: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(items) for items in dict.fromkeys(tuple(context.items()) for context in contexts)]


Price = Decimal | TieredPrices


def _prices(model: ModelInfo, context: Mapping[str, str], at: datetime) -> Iterator[tuple[str, Price]]:
    for key, price in vars(model.get_prices(at, context)).items():
        if price is not None and key in KIND_OF_KEY:
            yield KIND_OF_KEY[key], price


def _least(hour: Price | None, seconds: int) -> Decimal:
    """Price so many seconds of sound in whole pico-USD, rounded up as the bill is."""
    usd = _price_at(hour, 0) if hour is not None else Decimal(0)
    return (usd * seconds / 3600).quantize(Decimal("1e-12"), ROUND_CEILING)


def _schedule(prices: Mapping[str, Price], factor: Decimal, valid: tuple[float, float]) -> Schedule:
    starts = {tier.start for price in prices.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    return Schedule(
        _rates(prices, 0, factor),
        tuple((start, _rates(prices, start + 1, factor)) for start in sorted(starts, reverse=True)),
        *valid,
    )


def _rates(prices: Mapping[str, Price], input_total: int, factor: Decimal) -> Rates:
    at = {kind: _price_at(price, input_total) for kind, price in prices.items()}
    return rates_from_usd({kind: price * factor if kind in TOKEN_KINDS else price for kind, price in at.items()})


def _price_at(price: Price, input_total: int) -> Decimal:
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


def _changes(model: ModelInfo, at: datetime) -> list[datetime]:
    """List the instants behind `at` at which another price may begin: dates, and the hours of two days."""
    midnight = datetime.combine(at.date(), time(), UTC)
    changes = set()
    for constraint in (part.constraint for part in _conditions(model)):
        if isinstance(constraint, StartDateConstraint):
            changes.add(datetime.combine(constraint.start_date, time(), UTC))
        elif isinstance(constraint, TimeOfDateConstraint):
            for day in (midnight, midnight + timedelta(days=1)):
                changes |= {_on_day(day, constraint.start_time), _on_day(day, constraint.end_time)}
    return sorted(change for change in changes if change > at)


def _on_day(midnight: datetime, change: time) -> datetime:
    """Return the instant of a time of day on the UTC day that begins at `midnight`."""
    zoned = change if change.tzinfo is not None else change.replace(tzinfo=UTC)
    utc = datetime.combine(midnight.date(), zoned).astimezone(UTC).time()
    return datetime.combine(midnight.date(), utc, UTC)


def _conditions(model: ModelInfo) -> Iterator[ConditionalPrice | PriceVariant]:
    if not isinstance(model.prices, ModelPrice):
        yield from model.prices
    yield from model.price_variants or ()
