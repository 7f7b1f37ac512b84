"""The public list, seen by tests: every model by a name that finds it, its price classes, instants and tier edges."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from genai_prices import data_snapshot
from genai_prices.types import (
    ClauseAnd,
    ClauseOr,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import _get_registry

PROVIDERS = data_snapshot.get_snapshot().providers
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


def names(clause: Any) -> Iterator[str]:
    """Yield texts out of a match clause that may be, or be made into, a name that it matches."""
    if isinstance(clause, ClauseOr):
        for each in clause.or_:
            yield from names(each)
    elif isinstance(clause, ClauseAnd):
        parts = [next(names(each)) for each in clause.and_]
        yield from (*parts, "-".join(parts))
    else:
        yield from vars(clause).values()


def name_of(provider: Provider, model: ModelInfo) -> str:
    """Return a name by which the provider's model is found: not every id is one."""
    for text in [model.id, *names(model.match)]:
        for name in (text, f"{text}-x", f"x-{text}", f"x/{text}"):
            if provider.find_model(name, all_providers=PROVIDERS) is model:
                return name
    raise AssertionError(f"no name leads to {provider.id}/{model.id}: it can never be billed")


def price_sets(model: ModelInfo) -> list[ModelPrice]:
    """Return every price set of a model."""
    sets = [model.prices] if isinstance(model.prices, ModelPrice) else [part.prices for part in model.prices]
    return sets + [variant.prices for variant in model.price_variants or ()]


def figures(model: ModelInfo) -> Iterator[tuple[str, Decimal]]:
    """Yield (price key, USD) of everything that stands in a model's prices."""
    for prices in price_sets(model):
        for key, price in vars(prices).items():
            if isinstance(price, TieredPrices):
                yield from ((key, each) for each in (price.base, *(tier.price for tier in price.tiers)))
            elif price is not None:
                yield key, price


def contexts(model: ModelInfo) -> list[dict[str, str]]:
    """Return the standard class, each other class, and all that do not exclude each other at once."""
    each = [variant.when for variant in model.price_variants or ()]
    together = {name: value for when in reversed(each) for name, value in when.items()}
    return [dict(items) for items in {tuple(context.items()) for context in [{}, *each, together]}]


def instants(model: ModelInfo) -> list[datetime]:
    """Return an ordinary noon, and for each date and hour of change the instant before it and its first one."""
    parts: list[ConditionalPrice | PriceVariant] = list(model.price_variants or ())
    parts += [] if isinstance(model.prices, ModelPrice) else model.prices
    changes = set()
    for constraint in (part.constraint for part in parts):
        if isinstance(constraint, StartDateConstraint):
            changes.add(datetime.combine(constraint.start_date, time(), UTC))
        elif isinstance(constraint, TimeOfDateConstraint):
            for change in (constraint.start_time, constraint.end_time):
                zoned = change if change.tzinfo else change.replace(tzinfo=UTC)
                changes.add(datetime.combine(NOON.date(), zoned).astimezone(UTC))
    return [NOON, *(at for change in sorted(changes) for at in (change - A_MOMENT, change))]


def edges(model: ModelInfo) -> list[int]:
    """Return input totals: an ordinary one, and of each tier the last below and the first above its start."""
    tiered = [
        price for prices in price_sets(model) for price in vars(prices).values() if isinstance(price, TieredPrices)
    ]
    starts = {tier.start for price in tiered for tier in price.tiers}
    return [250_123, *(total for start in sorted(starts) for total in (start, start + 1))]


def is_whole(key: str, usd: Decimal) -> bool:
    """Tell whether a price for tokens is a whole number of pico-USD; hours of sound are kept by the hour."""
    per = _get_registry().unit_for_price_key(key).per
    return key.endswith("hours") or (usd * 10**12) % per == 0
