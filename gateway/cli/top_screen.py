"""How does `tollway top` draw its screen, on a terminal of any size?"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.output import OUTCOME_STYLES, Cell, duration, printable
from gateway.cli.top_numbers import Numbers
from gateway.cli.top_view import GROUPS, SINCE, View

WIDE: Final = 120  # from here on two columns of tables stand side by side
_LEAST: Final = 16  # of a column that is cut where there is too little room
_DASH: Final = "-"
_NEAR: Final = ((100.0, "bold red"), (80.0, "yellow"), (0.0, "green"))
# The numbers that can be missed, the first first.
_SPARE_NUMBERS: Final = ("token p50", "refused", "token p95", "in tok/s", "out", "p50", "running")
_SPARE_ROWS: Final = 1  # rich leaves the last line free
_HEAD_ROWS: Final = 5
_TABLE_ROWS: Final = 2  # title with columns, and an empty line below

Rows = Sequence[Sequence[Cell]]


class Panel(NamedTuple):
    """One table: its columns, those of numbers, those that can be missed, rows, and what is said without any."""

    columns: tuple[str, ...]
    numbers: frozenset[str]
    spare: tuple[str, ...]
    rows: Rows
    empty: str


def screen(view: View, width: int, height: int) -> RenderableType:
    """Draw it. What has no place is left out: the newest failures first, the numbers never."""
    panels = [make(view) for make in _PANELS]
    room = height - _HEAD_ROWS - _SPARE_ROWS
    if width >= WIDE:
        half = (width - 3) // 2
        columns = [_stacked(panels[at::2], half, room) for at in (0, 1)]
        body: RenderableType = Table.grid(padding=(0, 3, 0, 0))
        if isinstance(body, Table):
            body.add_column(width=half)
            body.add_column(width=half)
            body.add_row(*columns)
    else:
        body = _stacked(panels, width, room)
    return Group(_title(view, width), Text(), _numbers(view.numbers, width), Text(), body, _footer(view, width))


def _title(view: View, width: int) -> RenderableType:
    numbers = view.numbers
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_column(no_wrap=True, justify="right")
    clock = datetime.fromtimestamp(numbers.at_s, UTC).strftime("  %H:%M:%S UTC")
    if view.trouble is not None:
        line.add_row(Text(printable(view.trouble), style="bold red"), clock)
        return line
    head = Text.assemble(("Tollway", "bold"), f" {numbers.version}  ", *_state(numbers))
    if width >= WIDE:
        head.append(f"  {view.url}", style="dim")
    line.add_row(head, clock if head.cell_len + len(clock) <= width else "")
    return line


def _state(numbers: Numbers) -> list[Text | str]:
    """Say how the processes are; what is wrong stands out."""
    workers = Text(f"workers {numbers.workers_up}/{numbers.workers}")
    workers.stylize("bold red" if numbers.workers_up < numbers.workers else "green")
    lag = Text(f"log {duration(numbers.lag_s * 1000)} behind" if numbers.lag_s else "log up to date")
    lag.stylize("bold red" if numbers.lag_s > 10 else "yellow" if numbers.lag_s > 1 else "green")
    told: list[Text | str] = [workers, "  ", lag]
    for is_wrong, said in (
        (numbers.restarts, f"{numbers.restarts} worker restart{'s' * (numbers.restarts != 1)}"),
        (numbers.dropped, f"{numbers.dropped:,} frames lost"),
        (numbers.store_errors, "store fails"),
        (not numbers.config_is_sound, "config refused"),
    ):
        if is_wrong:
            told += ["  ", Text(said, style="bold red")]
    return told


def _numbers(numbers: Numbers, width: int) -> RenderableType:
    """Draw the numbers: what they are called above, what they are below. What has no place is left out."""
    told = {
        "req/s": Text(_amount(numbers.requests_per_s)),
        "running": Text(f"{numbers.in_flight:,}"),
        "failed": _percent(numbers.failed_share, 0.01),
        "refused": _percent(numbers.refused_share, 1.0),
        "p50": Text(_seconds(numbers.p50_s)),
        "p95": Text(_seconds(numbers.p95_s)),
        "token p50": Text(_seconds(numbers.first_token_p50_s)),
        "token p95": Text(_seconds(numbers.first_token_p95_s)),
        "USD/h": Text(_amount(numbers.usd_per_hour)),
        "in tok/s": Text(_amount(numbers.read_per_s)),
        "out": Text(_amount(numbers.written_per_s)),
    }
    widths = {name: max(len(name), value.cell_len) for name, value in told.items()}
    for name in _SPARE_NUMBERS:
        if sum(widths.values()) + len(widths) > width:
            del told[name], widths[name]
    grid = Table.grid(padding=(0, 3 if width >= WIDE else 1, 0, 0), expand=width < WIDE)
    for _ in told:
        grid.add_column(justify="right", no_wrap=True)
    grid.add_row(*(Text(name, style="dim") for name in told))
    grid.add_row(*(Text.assemble(value, style="bold") for value in told.values()))
    return grid


def _busiest(view: View) -> Panel:
    rows = [
        (one.name, f"{one.requests:,}", _short(one.input_tokens), _short(one.output_tokens), _dollars(one.cost_usd))
        for one in view.busiest
    ]
    columns = (f"{view.by.upper()}, LAST {SINCE.upper()}", "REQUESTS", "TOKENS IN", "OUT", "USD")
    empty = view.missing.get("busiest", f"nobody has asked for anything in the last {SINCE}")
    return Panel(columns, frozenset(columns[1:]), ("OUT", "TOKENS IN"), rows, empty)


def _providers(view: View) -> Panel:
    rows = [
        (
            one.name,
            _amount(one.tries_per_s),
            _percent(one.failed_share, 0.01),
            ", ".join(f"{count:,} {result}" for result, count in one.results.items() if result != "ok"),
        )
        for one in view.numbers.providers
    ]
    columns = ("PROVIDER", "TRIES/S", "FAILED", "LAST MINUTE")
    return Panel(columns, frozenset(columns[1:3]), ("TRIES/S",), rows, "no provider was asked in the last minute")


def _budgets(view: View) -> Panel:
    rows = [
        (one.name, _used(one.used_percent), f"{one.spent} of {one.limit}", _until(one.resets_at, view.numbers.at_s))
        for one in view.budgets
    ]
    columns = ("BUDGET", "USED", "SPENT", "RESETS IN")
    empty = view.missing.get("budgets", "no budget is in use")
    return Panel(columns, frozenset(columns[1:]), ("RESETS IN", "SPENT"), rows, empty)


def _failures(view: View) -> Panel:
    rows = [
        (
            one.started_at[11:19],
            Text(one.outcome, style=OUTCOME_STYLES.get(one.outcome, "red")),
            None if one.status is None else str(one.status),
            f"{one.team}/{one.key}",
            one.provider,
            one.model,
        )
        for one in view.failures
    ]
    columns = ("FAILED AT", "OUTCOME", "STATUS", "TEAM/KEY", "PROVIDER", "MODEL")
    empty = view.missing.get("failures", f"none in the last {SINCE}")
    return Panel(columns, frozenset(), ("STATUS", "TEAM/KEY", "PROVIDER"), rows, empty)


# The most important first: the others make room.
_PANELS: Final[tuple[Callable[[View], Panel], ...]] = (_busiest, _providers, _budgets, _failures)


def _stacked(panels: Sequence[Panel], width: int, room: int) -> RenderableType:
    """Stack tables into so many rows: each gets what it needs, as far as all have some."""
    while panels and room < len(panels) * (_TABLE_ROWS + 1):
        panels = panels[:-1]
    shares = _shared(room - len(panels) * _TABLE_ROWS, [max(1, len(panel.rows)) for panel in panels])
    drawn: list[RenderableType] = []
    for panel, rows in zip(panels, shares, strict=True):
        drawn += [_drawn(panel, width, rows), Text()]
    return Group(*drawn)


def _shared(room: int, wanted: Sequence[int]) -> list[int]:
    """Share rows out: one more for each in turn, until all have enough or there are none left."""
    shares = [0] * len(wanted)
    while room > 0 and shares != list(wanted):
        for at, most in enumerate(wanted):
            if room > 0 and shares[at] < most:
                shares[at] += 1
                room -= 1
    return shares


def _drawn(panel: Panel, width: int, rows: int) -> RenderableType:
    shown = [[_cell(cell) for cell in row] for row in panel.rows[:rows]]
    if not shown:
        shown = [[Text(printable(panel.empty), style="dim")]]
    columns = panel.columns[: len(shown[0])]
    kept = _fitting(panel, columns, shown, width)
    table = Table(box=None, pad_edge=False, header_style="bold cyan", width=width)
    flexible = _flexible(panel, columns)
    for at in kept:
        justify: Literal["left", "right"] = "right" if columns[at] in panel.numbers else "left"
        table.add_column(columns[at], justify=justify, no_wrap=True, ratio=1 if at == flexible else None)
    for row in shown:
        table.add_row(*(row[at] for at in kept))
    return table


def _fitting(panel: Panel, columns: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> list[int]:
    """Say which columns have a place, by their numbers."""
    kept = list(range(len(columns)))
    needed = [max(len(name), *(row[at].cell_len for row in rows)) for at, name in enumerate(columns)]
    flexible = _flexible(panel, columns)
    needed[flexible] = min(needed[flexible], _LEAST)
    for name in panel.spare:
        if name in columns and sum(needed[at] + 2 for at in kept) > width + 2:
            kept.remove(columns.index(name))
    return kept


def _flexible(panel: Panel, columns: Sequence[str]) -> int:
    """Say which column takes what width is left, and is cut where there is too little."""
    return 0 if columns[-1] in panel.numbers else len(columns) - 1


def _cell(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(cell or _DASH))


def _footer(view: View, width: int) -> Text:
    keys = " ".join(f"[{key}]{name[1:]}" for name, key in GROUPS.items())
    over = f"rates of {view.numbers.over_s:.0f} s" if view.numbers.over_s else "measuring"
    line = f"[q]uit  by {keys}"
    for more in (f"  {over}", ", latencies of 5 min"):
        line += more if len(line) + len(more) <= width else ""
    return Text(line[:width], style="dim", no_wrap=True)


def _amount(amount: float | None) -> str:
    """Write an amount short: 0.04, 3.2, 41, 1.2k."""
    if amount is None:
        return _DASH
    if amount >= 10_000:
        return _short(round(amount))
    return f"{amount:,.0f}" if amount >= 100 or amount == 0 else f"{amount:.1f}" if amount >= 1 else f"{amount:.2g}"


def _short(count: int) -> str:
    """Write a number in four digits at most: 950, 12.3k, 4.5M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= 10 * size or (count >= size and unit != "k"):
            return f"{count / size:.1f}{unit}"
    return f"{count:,}"


def _percent(share: float | None, bad: float) -> Text:
    """Write a share; one of so much or more is bad."""
    if share is None:
        return Text(_DASH)
    digits = 0 if share in (0, 1) else 1
    return Text(f"{share * 100:.{digits}f} %", style="bold red" if share >= bad else "bold")


def _seconds(time_s: float | None) -> str:
    return _DASH if time_s is None else duration(time_s * 1000) or _DASH


def _dollars(usd: str) -> str:
    whole, _, fraction = usd.partition(".")
    return f"{int(whole):,}.{fraction[:4].ljust(4, '0')}"


def _used(percent: float) -> Text:
    style = next((style for least, style in _NEAR if percent >= least), "")
    return Text(f"{percent:.1f} %", style=style)


def _until(at: str | None, now_s: float) -> str:
    """Write how long it is until then: 3 h 20 min."""
    if at is None:
        return "never"
    left_s = max(0, int(datetime.fromisoformat(at).timestamp() - now_s))
    for size, unit, small, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if left_s >= size:
            return f"{left_s // size} {unit} {left_s % size // small} {smaller}"
    return f"{left_s} s"
