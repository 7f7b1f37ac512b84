"""`tollway explain ID`: why one exchange went as it did, and what it cost, line by line."""

import os
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from gateway.cli.options import AsJson, ConfigFile, load
from gateway.cli.output import amounts, console, duration, outcome_text, print_facts, print_json_line, printable, table
from gateway.cli.reading import answer, open_store, price_list
from gateway.config.compile import routing
from gateway.config.load import Config
from gateway.config.problems import ConfigError
from gateway.core.money import usd_text, usd_text_from_pico
from gateway.core.record import Record, public
from gateway.core.usage import Usage
from gateway.policies.explained import Bill, Explained, public_bill, rate_text, units
from gateway.policies.explained import explain as explained
from gateway.policies.explained_way import Reason, why
from gateway.policies.listed import listed_prices
from gateway.policies.rates import Schedule
from gateway.policies.routing import Routing

_INDENT = 7  # behind the label of the usage
_COLUMNS = ("KIND", "AMOUNT", "RATE USD", "PER", "COST USD")

_SOURCES = {
    "provider": "told by the provider",
    "partial": "told by the provider in part: the answer was cut, or left what was written to be estimated",
    "estimated": "estimated from the bytes that passed, because the provider told nothing",
    "none": "none",
}
_SUSPECT = "The provider named a value that none can be; it was left out."

# What was read and written: the total, and its parts with how they are called.
_READ = {
    "input_cached_read": "from the cache",
    "input_cache_write_5m": "written to the cache for 5 minutes",
    "input_cache_write_1h": "written to the cache for 1 hour",
    "input_cache_write_other": "written to the cache",
    "input_audio": "sound",
    "input_image": "pictures",
    "input_video": "film",
    "input_tool": "by tools",
}
_WROTE = {
    "output_reasoning": "reasoning",
    "output_audio": "sound",
    "output_image": "pictures",
    "output_video": "film",
    "output_citation": "citations",
}
_UNITS = {
    "web_searches": "web searches",
    "file_searches": "file searches",
    "seconds": "seconds",
    "characters": "characters",
    "images": "pictures",
    "pages": "pages",
    "requests": "requests",
}
_CLASS = {"service_tier": "service tier", "speed": "speed", "processing": "processing", "geo": "geography"}


def explain(
    exchange_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell why one exchange went as it did, and what it cost, line by line."""
    record = answer(open_store(config).exchange(exchange_id)).record
    found = load(config)
    ways = _routing(found)
    reason, cost = why(record, ways), explained(record, _listed(record, ways, found))
    if as_json:
        print_json_line({**public(record), "why": reason._asdict(), "bill": public_bill(cost)})
        return
    print_facts(_head(record, reason))
    console().print()
    _print_attempts(record)
    _print_usage(record)
    print_facts(_cost(record, cost))
    _print_bills(cost)


def _routing(found: Config) -> Routing:
    """Compile who serves what now; what is wrong with the config must not hide what is in the log."""
    try:
        return routing(found, os.environ)
    except ConfigError:
        return Routing([], {})


def _listed(record: Record, ways: Routing, found: Config) -> Schedule | None:
    """Ask the price list again, where the same one is in force."""
    provider = ways.provider(record.provider or "")
    if provider is None or record.price_source != "genai-prices":
        return None
    prices = price_list(found)
    return listed_prices(record, provider, prices) if prices.version == record.price_version else None


def _head(record: Record, reason: Reason) -> Iterator[tuple[str, str | Text]]:
    yield "id", f"{record.id}, {record.started_at[:19].replace('T', ' ')} UTC"
    caller = f"{record.team}/{record.key}" + (f", user {record.user}" if record.user else "")
    yield "caller", caller + (f" ({record.client})" if record.client else "")
    streamed = ", streamed" if record.stream else ""
    model = f", for {record.model_requested}" if record.model_requested else ""
    yield "asked", f"{record.method or '?'} {record.path or '?'}{model}{streamed}"
    yield "went to", record.provider or "nobody"
    yield "because", reason.told
    served = f", from {record.model_served}" if record.model_served else ""
    took = f" in {duration(record.duration_ms)}" if record.duration_ms is not None else ""
    status = "nothing was sent" if record.status is None else str(record.status)
    yield "ended", Text.assemble(outcome_text(record.outcome), printable(f" ({status}){served}{took}"))
    if record.error:
        yield "error", record.error


def _print_attempts(record: Record) -> None:
    if not record.attempts:
        return
    rows = [
        (str(number), one.provider, one.model, one.result, str(one.status or "-"), duration(one.duration_ms), one.error)
        for number, one in enumerate(record.attempts, 1)
    ]
    columns = ("ATTEMPT", "PROVIDER", "MODEL", "RESULT", "STATUS", "TIME", "ERROR")
    console().print(table(columns, rows, right=frozenset({"STATUS", "TIME"})))
    console().print()


def _print_usage(record: Record) -> None:
    told = _SOURCES.get(record.usage_source, record.usage_source)
    usage = record.usage
    print_facts([("usage", f"{told}. {_SUSPECT}" if usage is not None and usage.suspect else told)])
    if usage is not None:
        console().print(Padding(amounts(_used(usage)), (0, 0, 0, _INDENT), expand=False))
    console().print()


def _used(usage: Usage) -> Iterator[tuple[str, str]]:
    """Give what was consumed, each part below its total."""
    for name, total, parts in (("read", "input_total", _READ), ("wrote", "output_total", _WROTE)):
        yield f"{name}, tokens", f"{getattr(usage, total):,}"
        for field, said in parts.items():
            if getattr(usage, field):
                yield f"  {said}", f"{getattr(usage, field):,}"
    for field, said in _UNITS.items():
        if getattr(usage, field):
            yield said, f"{getattr(usage, field):,}"
    for field, said in _CLASS.items():
        if getattr(usage, field):
            yield said, str(getattr(usage, field))


def _cost(record: Record, cost: Explained) -> Iterator[tuple[str, str | Text]]:
    yield "cost", f"{usd_text(record.cost_nano_usd)} USD"
    tier = f" They are those for more than {cost.tier:,} tokens read." if cost.tier is not None else ""
    yield "why", cost.told + tier
    if cost.advice:
        yield "advice", cost.advice


def _print_bills(cost: Explained) -> None:
    bills = [cost.own, *cost.elsewhere]
    for one in bills:
        if one.lines is not None or len(bills) > 1:
            console().print()
            _print_bill(one, named=len(bills) > 1)


def _print_bill(one: Bill, *, named: bool) -> None:
    """Print the lines, the sum, and the same rounded up to the nano-dollar."""
    out = console()
    if named:
        out.print(printable(one.model or "-"), style="bold", markup=False)
    rows = [
        (line.kind, f"{line.amount:,}", rate_text(line), units(line.kind)[1], usd_text_from_pico(line.pico_usd))
        for line in one.lines or ()
    ]
    if one.lines is not None:
        rows.append(("sum", f"{one.pico_usd:,}", "", "pico-USD", usd_text_from_pico(one.pico_usd)))
    rows.append(("booked", f"{one.nano_usd:,}", "", "nano-USD", usd_text(one.nano_usd)))
    digits = max(len(usd.partition(".")[2]) for *_, usd in rows)
    aligned = [(*cells, _with_digits(usd, digits)) for *cells, usd in rows]
    out.print(table(_COLUMNS, aligned, right=frozenset({"AMOUNT", "RATE USD", "COST USD"})))
    if not one.adds_up:
        out.print("These lines are not what was booked: `tollway audit` names what is wrong.", style="red")


def _with_digits(usd: str, digits: int) -> str:
    """Write an amount with so many digits behind the point, so that points stand below each other."""
    whole, _, fraction = usd.partition(".")
    return f"{whole}.{fraction:0<{digits}}" if digits else whole
