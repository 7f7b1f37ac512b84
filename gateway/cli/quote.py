"""How is a price told to people? Whose it is, for what, until when it holds, and what it adds up to."""

from collections.abc import Iterator, Mapping

from gateway.cli.output import Cell, console, printable, table
from gateway.core.clock import stamp
from gateway.core.money import usd_text
from gateway.core.usage import Usage
from gateway.policies.price_table import Listed
from gateway.policies.quote import (
    Quote,
    bill_of,
    inherited,
    own_prices,
    place_text,
    price_text,
    setting,
    total_nano_usd,
    usd_of_pico,
)
from gateway.policies.rates import KINDS, Line, Rates

WHOSE = {
    "free": "this provider is free",
    "config": "config names it",
    "genai-prices": "the public price list",
    "default": "nobody knows: the default price",
    "none": "nobody knows: nothing is booked",
}


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
        _show_bill(bill_of(told, usage))


def _facts(told: Quote) -> Iterator[tuple[str, str]]:
    found, listed = told.found, told.listed
    yield "model", f"{told.model} at {told.provider} ({told.why})"
    whose = WHOSE[found.source]
    if listed is not None:
        place = "" if listed.own else ", which only resells it: no price classes"
        whose = f"{whose}: {found.version} lists it as {place_text(listed)}{place}"
    elif found.pattern is not None:
        whose = f'{whose}: [providers.{told.provider}] prices, "{found.pattern}"'
    yield "source", whose
    if listed is not None:
        yield "class", _class(told, listed)
        until = "no change is listed" if told.until_unix_s is None else f"until {stamp(told.until_unix_s)}"
        yield "holds", f"at {stamp(told.at_unix_s)}, {until}"
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


def _rows(base: Rates, tiers: list[Rates]) -> Iterator[tuple[Cell, ...]]:
    for kind in own_prices(base):
        per = KINDS[kind].per
        yield kind, price_text(base, kind), f"{per:,}", *(price_text(rates, kind) for rates in tiers)


def _by_stand_in(rates: Rates) -> Iterator[tuple[str, list[str]]]:
    kinds = list(inherited(rates))
    for instead in dict.fromkeys(instead for _, instead in kinds):
        yield instead, [kind for kind, each in kinds if each == instead]


def _show_bill(lines: list[Line]) -> None:
    rows: list[tuple[Cell, ...]] = [
        (
            line.kind,
            f"{line.amount:,}",
            usd_of_pico(line.rate_pico_usd * KINDS[line.kind].per),
            usd_of_pico(line.pico_usd),
        )
        for line in lines
    ]
    rows.append(("total", None, None, usd_text(total_nano_usd(lines))))
    columns = ("KIND", "AMOUNT", "PRICE", "COST USD")
    console().print(table(columns, rows, right=frozenset(columns[1:])))
