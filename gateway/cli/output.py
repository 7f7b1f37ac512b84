"""How commands show things: tables for people, one JSON object a line for programs."""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.core.record import public_json

OUTCOME_STYLES = {"ok": "green", "cancelled": "yellow", "rate_limited": "yellow", "overloaded": "yellow"}
BAD_STYLE = "red"

READ_WIDTH = 100  # of sentences; beyond it the eye loses the line

Cell = str | Text | None


def console() -> Console:
    """Make the console that tables go to: full width of the terminal; of a pipe, as wide as it takes."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: frozenset[str] = frozenset()) -> Table:
    """Lay out a table; `right`: columns of numbers. What is None shows as a dash."""
    laid_out = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        laid_out.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        laid_out.add_row(*(_shown(cell) for cell in row))
    return laid_out


def amounts(rows: Iterable[tuple[str, str]]) -> Table:
    """Lay out names and their amounts, without a head."""
    laid_out = Table(box=None, show_header=False, pad_edge=False)
    laid_out.add_column(no_wrap=True)
    laid_out.add_column(no_wrap=True, justify="right")
    for name, amount in rows:
        laid_out.add_row(name, _shown(amount))
    return laid_out


def facts(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Lay out labels and what stands behind them, wrapped beside its label."""
    laid_out = Table.grid(padding=(0, 2, 0, 0))
    laid_out.add_column(style="bold", no_wrap=True)
    laid_out.add_column(overflow="fold")
    for label, text in rows:
        laid_out.add_row(label, _shown(text))
    return laid_out


def print_facts(rows: Iterable[tuple[str, str | Text]]) -> None:
    """Print labels and what stands behind them: sentences wrapped beside their label, lines that end stay so."""
    out = console()
    laid_out = list(rows)
    indent = max((len(label) for label, _ in laid_out), default=0) + 2
    for label, text in laid_out:
        out.print(f"{label:<{indent}}", style="bold", end="")
        if isinstance(text, Text):
            out.print(text)
            continue
        width = max(min(out.width, READ_WIDTH) - indent, 20)
        wrapped = [textwrap.wrap(line, width) or [""] for line in printable(text).splitlines() or [""]]
        out.print(f"\n{' ' * indent}".join(chain.from_iterable(wrapped)), markup=False)


def outcome_text(name: str | None) -> Text:
    """Colour an outcome."""
    return Text(name or "-", style=OUTCOME_STYLES.get(name or "", BAD_STYLE))


def print_json_line(value: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once: somebody may be following."""
    sys.stdout.buffer.write(public_json(value) + b"\n")
    sys.stdout.buffer.flush()


def write_bytes(data: bytes) -> None:
    """Write bytes as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def printable(text: str) -> str:
    """Make text harmless for a terminal: what a client or provider sent must not steer it."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)


def duration(duration_ms: float | None) -> str | None:
    """Write a duration short: 0.4 ms, 12 ms, 3.4 s, 2 min 5 s."""
    if duration_ms is None:
        return None
    if duration_ms < 10:
        return f"{duration_ms:.1f} ms"
    if duration_ms < 1000:
        return f"{duration_ms:.0f} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.1f} s"
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes} min {seconds} s"


def _shown(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return cell
    return Text("-" if cell is None else printable(cell))
