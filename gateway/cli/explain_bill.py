"""How does `tollway explain` show what was used, and the bill line by line?"""

from collections.abc import Iterator

from rich.padding import Padding
from rich.text import Text

from gateway.cli.output import amounts, console, print_facts, printable, table
from gateway.core.money import usd_text, usd_text_from_pico
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.policies.explained import Bill, Explained, rate_text, units

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


def print_usage(record: Record) -> None:
    """Print what was used, and who says so."""
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


def print_cost(record: Record, cost: Explained) -> None:
    """Print the cost, whose prices these are, and every line."""
    print_facts(_cost(record, cost))
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
