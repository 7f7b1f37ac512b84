"""What does a model cost at an instant, by whose word, until when, and what does a usage add up to?"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from gateway.core.clock import stamp
from gateway.core.money import PICO_PER_USD, nano_from_pico, usd_text
from gateway.core.usage import Usage
from gateway.policies.price_table import Listed
from gateway.policies.pricing import Found, PriceBook
from gateway.policies.rates import KINDS, Line, Rates, bill, rates_for
from gateway.policies.routing import Provider, Routing


class Place(NamedTuple):
    """Who would be asked for which model, and why."""

    provider: Provider
    model: str
    why: str


def places(routing: Routing, model: str, named: Provider | None = None) -> Iterator[Place]:
    """Find who gets a request for `model`: one, or every target of a route. `named`: somebody says who."""
    if named is not None:
        yield Place(named, model, "it is asked about")
        return
    if model in routing.routes():
        targets = [each for each in routing.targets(model) if each.weight]
        total = sum(each.weight for each in targets)
        for (provider, there), weight in targets:
            yield Place(provider, there or model, f"route {model}, {weight / total:.0%}")
        return
    dialects = list(dict.fromkeys(each.dialect for each in routing.providers()))
    knowing = [dialect for dialect in dialects if routing.knows(dialect, model)]
    chosen = routing.choose((knowing or dialects)[0], model, 0.0).candidates[0]
    why = "routing sends it there" if knowing else "nobody's patterns name it: the first provider of a dialect gets it"
    yield Place(chosen.provider, chosen.model or model, why)


class Quote(NamedTuple):
    """The price of a class of a model at an instant. `why`: how the provider was found. `listed`: where it stands."""

    model: str
    provider: str
    why: str
    context: dict[str, str]
    at_unix_s: float
    found: Found
    denied: bool
    listed: Listed | None
    until_unix_s: float | None

    @property
    def is_known(self) -> bool:
        """Whether anybody names this price."""
        return self.found.source not in ("default", "none")

    @property
    def unknown_class(self) -> dict[str, str]:
        """What of the class changes no price here."""
        classes = self.listed.classes() if self.listed else []
        return {
            name: value for name, value in self.context.items() if not any(one.get(name) == value for one in classes)
        }


def quote(
    prices: PriceBook, provider: Provider, model: str, why: str, context: dict[str, str], at_unix_s: float
) -> Quote:
    """Find the price as an exchange's is found."""
    found = prices.find(provider, model, None, context, at_unix_s)
    if provider.free:
        found = Found(found.schedule, "free")
    listed = None
    if found.source == "genai-prices":
        listed = prices.listed.look(provider.name, provider.base_url, [model])
    until = listed.next_change(context, at_unix_s) if listed else None
    denied = prices.denies(provider, model, at_unix_s)
    return Quote(model, provider.name, why, context, at_unix_s, found, denied, listed, until)


def public_quote(told: Quote, usage: Usage | None) -> dict[str, Any]:
    """Shape it for programs: amounts of money as decimal text."""
    found, listed = told.found, told.listed
    schedule = found.schedule
    shown: dict[str, Any] = {
        "model": told.model,
        "provider": told.provider,
        "price_source": found.source,
        "price_version": found.version,
        "pattern": found.pattern,
        "listed": place_text(listed) if listed else None,
        "class": told.context,
        "unknown_class": told.unknown_class,
        "denied": told.denied,
        "advice": None if told.is_known else setting(told.provider, told.model),
        "classes": listed.classes() if listed else [],
        "at": stamp(told.at_unix_s),
        "until": None if told.until_unix_s is None else stamp(told.until_unix_s),
        "prices": _own(schedule.base),
        "instead": {kind: instead for kind, instead in inherited(schedule.base)},
        "tiers": [{"above_input": start, "prices": _own(rates)} for start, rates in reversed(schedule.tiers)],
    }
    if usage is not None:
        lines = bill_of(told, usage)
        shown["bill"] = [{**line._asdict(), "usd": usd_of_pico(line.pico_usd)} for line in lines]
        shown["cost_nano_usd"] = total_nano_usd(lines)
        shown["cost_usd"] = usd_text(total_nano_usd(lines))
    return shown


def inherited(rates: Rates) -> Iterator[tuple[str, str]]:
    """Yield (kind, what stands in for it) of what has no price of its own and is not free."""
    given = own_prices(rates)
    for kind, about in KINDS.items():
        instead = next((each for each in about.instead if each in given), None)
        if kind not in given and instead is not None:
            yield kind, instead


def _own(rates: Rates) -> dict[str, dict[str, Any]]:
    return {kind: {"usd": price_text(rates, kind), "per": KINDS[kind].per} for kind in own_prices(rates)}


def own_prices(rates: Rates) -> dict[str, int]:
    """Return the prices of kinds that have one of their own, in the order of KINDS, in pico-USD for one."""
    given: dict[str, int] = msgspec.json.decode(rates.given)
    return {kind: given[kind] for kind in KINDS if kind in given}


def price_text(rates: Rates, kind: str) -> str:
    """Write the price of a kind in USD, for as many as it says."""
    return usd_of_pico(getattr(rates, kind) * KINDS[kind].per)


def bill_of(told: Quote, usage: Usage) -> list[Line]:
    """Return what a usage is billed as."""
    return [] if told.found.source == "free" else bill(usage, rates_for(usage, told.found.schedule))


def total_nano_usd(lines: list[Line]) -> int:
    """Add lines up as they are booked."""
    return nano_from_pico(sum(line.pico_usd for line in lines))


def place_text(listed: Listed) -> str:
    """Say where a model stands in the list."""
    return f"{listed.provider}/{listed.model.id}" if listed.own else f"{listed.model.id} of {listed.provider}'s makers"


def usd_of_pico(pico_usd: int) -> str:
    """Write pico-USD as exact decimal text in USD."""
    text = f"{Decimal(pico_usd) / PICO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def setting(provider: str, model: str) -> str:
    """Write the lines of config.toml that name a price; the amounts are for people to fill in."""
    return f'[providers.{provider}] prices = {{ {toml_text(model)} = {{ input = "…", output = "…" }} }}'


def toml_text(text: str) -> str:
    """Write a text as TOML does, in signs that are safe to print anywhere."""
    written = msgspec.json.encode(text).decode()  # JSON's strings are TOML's, too
    return "".join(sign if sign.isprintable() else _escaped(ord(sign)) for sign in written)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
