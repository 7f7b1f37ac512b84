"""What does an exchange cost, by whose price? The provider's own figure, config, the public list, or the default."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Raw

from gateway.core.money import nano_from_pico
from gateway.core.usage import Usage
from gateway.policies.patterns import Patterns
from gateway.policies.price_table import PriceList, bundled
from gateway.policies.rates import Schedule, cost_pico_usd, rates_for, rates_from_usd
from gateway.policies.routing import Provider

CACHED_MOST = 4096  # model names are the callers' to invent

# provider: model or pattern: kind of token: USD per million
Overrides = Mapping[str, Mapping[str, Mapping[str, Decimal]]]


class Cost:
    """An amount, who named the price (a word of the record's `price_source`), and the list's version.

    `rates`: what was applied, as JSON of pico-USD by kind; empty where no rate was.
    """

    __slots__ = ("nano_usd", "rates", "source", "version")

    def __init__(self, nano_usd: int, source: str, version: str | None, rates: bytes = b"") -> None:
        self.nano_usd = nano_usd
        self.source = source
        self.version = version
        self.rates = rates


class Found:
    """Whose prices hold for a model: a word of `price_source`, the list's version, or the name in config."""

    __slots__ = ("pattern", "schedule", "source", "version")

    def __init__(self, schedule: Schedule, source: str, version: str | None = None, pattern: str | None = None) -> None:
        self.schedule = schedule
        self.source = source
        self.version = version
        self.pattern = pattern


class PriceBook:
    """The prices of one snapshot. `default`: USD per million tokens in and out for a model that nobody knows.

    `listed`: the public list that is in force; by default the bundled one.
    `unknown_model`: default_price | deny | zero. What `deny` forbids is refused before the call; an exchange that took
    place all the same (served by another model than asked for) is booked at the default price.
    """

    __slots__ = ("_cache", "_default", "_overrides", "listed", "may_deny")

    def __init__(
        self,
        overrides: Overrides,
        default: tuple[Decimal, Decimal],
        unknown_model: str,
        listed: PriceList | None = None,
    ) -> None:
        self.listed = listed or bundled()
        self._overrides = {
            provider: [
                (Patterns([model]), Found(Schedule(rates_from_usd(prices)), "config", None, model))
                for model, prices in _exact_first(models)
            ]
            for provider, models in overrides.items()
        }
        usd = {} if unknown_model == "zero" else {"input": default[0], "output": default[1]}
        self._default = Found(Schedule(rates_from_usd(usd)), "default" if usd else "none")
        self.may_deny = unknown_model == "deny"
        self._cache: dict[tuple[str | None, ...], Found] = {}

    def price(
        self, provider: Provider, served: str | None, requested: str | None, usage: Usage, at_unix_s: float
    ) -> Cost:
        """Price an exchange by the model that served it, else by the one asked for, at the exchange's own time."""
        if provider.free:
            return Cost(0, "free", None)
        if usage.provider_cost_nano_usd is not None:
            return Cost(usage.provider_cost_nano_usd, "provider", None)
        found = self._priced(provider, served, requested, usage, at_unix_s)
        rates = rates_for(usage, found.schedule)
        nano_usd = nano_from_pico(cost_pico_usd(usage, rates))
        for each in usage.elsewhere:
            cost = self.price(provider, each.model, None, each, at_unix_s)
            each.cost_nano_usd = cost.nano_usd
            if cost.rates:
                each.rates = Raw(cost.rates)
            nano_usd += cost.nano_usd
        return Cost(nano_usd, found.source, found.version, rates.given)

    def _priced(
        self, provider: Provider, served: str | None, requested: str | None, usage: Usage, at_unix_s: float
    ) -> Found:
        """Find the prices, or remember them: while they hold, they are the same for every exchange of this class."""
        key = (provider.name, served, requested, usage.service_tier, usage.speed, usage.processing, usage.geo)
        priced = self._cache.get(key)
        if priced is None or not priced.schedule.valid_from_s <= at_unix_s < priced.schedule.valid_until_s:
            priced = self.find(provider, served, requested, _context(usage), at_unix_s)
            if len(self._cache) >= CACHED_MOST:
                self._cache.clear()
            self._cache[key] = priced
        return priced

    def denies(self, provider: Provider, requested: str | None, at_unix_s: float) -> bool:
        """Tell whether a call must be refused because nobody knows what its model costs."""
        if not self.may_deny or provider.free:
            return False
        return self._priced(provider, None, requested, Usage(), at_unix_s) is self._default

    def schedule(self, provider: Provider, model: str, context: dict[str, str], at_unix_s: float) -> Schedule | None:
        """Return a model's prices in one price class; None: nobody knows them."""
        found = self.find(provider, None, model, context, at_unix_s)
        return None if found is self._default else found.schedule

    def find(
        self, provider: Provider, served: str | None, requested: str | None, context: dict[str, str], at_unix_s: float
    ) -> Found:
        """Find the prices of one class of a model that the provider does not give away and names no charge for."""
        models = [model for model in dict.fromkeys((served, requested)) if model]
        for model in models:
            for patterns, own in self._overrides.get(provider.name, ()):
                if patterns.matches(model):
                    return own
        schedule = self.listed.find(provider.name, provider.base_url, models, context, at_unix_s)
        return self._default if schedule is None else Found(schedule, "genai-prices", self.listed.version)


def _exact_first(models: Mapping[str, Mapping[str, Decimal]]) -> list[tuple[str, Mapping[str, Decimal]]]:
    """Order prices so that a model's own name beats a pattern; among patterns the first in the file wins."""
    return sorted(models.items(), key=lambda item: not Patterns([item[0]]).exact())


def _context(usage: Usage) -> dict[str, str]:
    """Collect what an answer says about its price class."""
    said = {
        "service_tier": usage.service_tier, "speed": usage.speed, "processing": usage.processing, "geo": usage.geo,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}
