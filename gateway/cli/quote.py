"""How is a price told to people and programs? Whose it is, for what, until when it holds, and what it adds up to."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from gateway.app.unpriced import setting
from gateway.cli.output import Cell, console, printable, table
from gateway.core.money import PICO_PER_USD, nano_from_pico, usd_text
from gateway.core.usage import Usage
from gateway.policies.price_table import Listed
from gateway.policies.pricing import Found, PriceBook
from gateway.policies.rates import KINDS, Line, Rates, bill, rates_for
from gateway.policies.routing import Provider

WHOSE = {
    "free": "this provider is free",
    "config": "config names it",
    "genai-prices": "the public price list",
    "default": "nobody knows: the default price",
    "none": "nobody knows: nothing is booked",
}


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


def as_json(told: Quote, usage: Usage | None) -> dict[str, Any]:
    """Shape it for programs: amounts of money as decimal text."""
    found, listed = told.found, told.listed
    schedule = found.schedule
    shown: dict[str, Any] = {
        "model": told.model,
        "provider": told.provider,
        "price_source": found.source,
        "price_version": found.version,
        "pattern": found.pattern,
        "listed": _place(listed) if listed else None,
        "class": told.context,
        "unknown_class": told.unknown_class,
        "denied": told.denied,
        "advice": None if told.is_known else setting(told.provider, told.model),
        "classes": listed.classes() if listed else [],
        "at": _instant(told.at_unix_s),
        "until": None if told.until_unix_s is None else _instant(told.until_unix_s),
        "prices": _own(schedule.base),
        "instead": {kind: instead for kind, instead in _inherited(schedule.base)},
        "tiers": [{"above_input": start, "prices": _own(rates)} for start, rates in reversed(schedule.tiers)],
    }
    if usage is not None:
        lines = _bill(told, usage)
        shown["bill"] = [{**line._asdict(), "usd": _usd(line.pico_usd)} for line in lines]
        shown["cost_nano_usd"] = _total(lines)
        shown["cost_usd"] = usd_text(_total(lines))
    return shown


def show(told: Quote, usage: Usage | None) -> None:
    """Print it for people."""
    out = console()
    for name, value in _facts(told):
        out.print(f"[bold]{name:<8}[/bold]", end="")
        out.print(printable(value), markup=False)
    if told.found.source == "free":
        return
    out.print()
    schedule = told.found.schedule
    tiers = list(reversed(schedule.tiers))
    columns = ["KIND", "USD", "FOR", *(f"ABOVE {start:,} INPUT" for start, _ in tiers)]
    out.print(table(columns, _rows(schedule.base, [rates for _, rates in tiers]), right=frozenset(columns[1:])))
    for instead, kinds in _by_stand_in(schedule.base):
        out.print(f"{', '.join(kinds)}: as {instead}", markup=False)
    if tiers:
        out.print("A request whose whole input is larger than that pays the larger price for all of its tokens.")
    if usage is not None:
        out.print()
        _show_bill(_bill(told, usage))


def _facts(told: Quote) -> Iterator[tuple[str, str]]:
    found, listed = told.found, told.listed
    yield "model", f"{told.model} at {told.provider} ({told.why})"
    whose = WHOSE[found.source]
    if listed is not None:
        place = "" if listed.own else ", which only resells it: no price classes"
        whose = f"{whose}: {found.version} lists it as {_place(listed)}{place}"
    elif found.pattern is not None:
        whose = f'{whose}: [providers.{told.provider}] prices, "{found.pattern}"'
    yield "source", whose
    if listed is not None:
        yield "class", _class(told, listed)
        until = "no change is listed" if told.until_unix_s is None else f"until {_instant(told.until_unix_s)}"
        yield "holds", f"at {_instant(told.at_unix_s)}, {until}"
    if told.denied:
        yield "", 'such requests are refused (unknown_model = "deny")'
    if not told.is_known:
        yield "to name", f"one, write into config.toml: {setting(told.provider, told.model)}"


def _class(told: Quote, listed: Listed) -> str:
    known = {name: value for name, value in told.context.items() if name not in told.unknown_class}
    text = _context(known) or "standard"
    if told.unknown_class:
        text += f" ({_context(told.unknown_class)} changes nothing here)"
    others = [_context(one) for one in listed.classes() if one != known]
    return f"{text}; others: {', '.join(others)}" if others else text


def _context(context: Mapping[str, str]) -> str:
    return " and ".join(f"{name}={value}" for name, value in context.items())


def _place(listed: Listed) -> str:
    return f"{listed.provider}/{listed.model.id}" if listed.own else f"{listed.model.id} of {listed.provider}'s makers"


def _rows(base: Rates, tiers: list[Rates]) -> Iterator[tuple[Cell, ...]]:
    for kind in _given(base):
        per = KINDS[kind].per
        yield kind, _price(base, kind), f"{per:,}", *(_price(rates, kind) for rates in tiers)


def _given(rates: Rates) -> dict[str, int]:
    given: dict[str, int] = msgspec.json.decode(rates.given)
    return {kind: given[kind] for kind in KINDS if kind in given}


def _price(rates: Rates, kind: str) -> str:
    return _usd(getattr(rates, kind) * KINDS[kind].per)


def _own(rates: Rates) -> dict[str, dict[str, Any]]:
    return {kind: {"usd": _price(rates, kind), "per": KINDS[kind].per} for kind in _given(rates)}


def _inherited(rates: Rates) -> Iterator[tuple[str, str]]:
    """Yield (kind, what stands in for it) of what has no price of its own and is not free."""
    given = _given(rates)
    for kind, about in KINDS.items():
        instead = next((each for each in about.instead if each in given), None)
        if kind not in given and instead is not None:
            yield kind, instead


def _by_stand_in(rates: Rates) -> Iterator[tuple[str, list[str]]]:
    kinds = list(_inherited(rates))
    for instead in dict.fromkeys(instead for _, instead in kinds):
        yield instead, [kind for kind, each in kinds if each == instead]


def _bill(told: Quote, usage: Usage) -> list[Line]:
    return [] if told.found.source == "free" else bill(usage, rates_for(usage, told.found.schedule))


def _total(lines: list[Line]) -> int:
    return nano_from_pico(sum(line.pico_usd for line in lines))


def _show_bill(lines: list[Line]) -> None:
    rows: list[tuple[Cell, ...]] = [
        (line.kind, f"{line.amount:,}", _usd(line.rate_pico_usd * KINDS[line.kind].per), _usd(line.pico_usd))
        for line in lines
    ]
    rows.append(("total", None, None, usd_text(_total(lines))))
    columns = ("KIND", "AMOUNT", "PRICE", "COST USD")
    console().print(table(columns, rows, right=frozenset(columns[1:])))


def _usd(pico_usd: int) -> str:
    """Write pico-USD as exact decimal text in USD."""
    text = f"{Decimal(pico_usd) / PICO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _instant(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
