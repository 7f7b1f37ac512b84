"""`tollway spend`: what was used and what it cost, by whom or what and over time, to the nano-dollar."""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.filters import OFFERED, read
from gateway.cli.options import AsJson, ConfigFile, with_options
from gateway.cli.output import console, print_json_line, table
from gateway.cli.reading import answer, open_store
from gateway.core.money import usd_text
from gateway.store.interface import GROUPS, STEPS, Spend, Spending
from gateway.store.shown import public_spend
from gateway.store.spending import step_name
from gateway.store.sums import SOURCES

By = StrEnum("By", [*GROUPS, *STEPS])  # type: ignore[misc]
Over = StrEnum("Over", list(STEPS))  # type: ignore[misc]
COLUMNS = ("REQUESTS", "FAILED", "INPUT", "CACHED", "OUTPUT", "COST USD")


@with_options(OFFERED)
def spend(
    config: ConfigFile = None,
    as_json: AsJson = False,
    by: Annotated[By | None, typer.Option("--by", help="What to add up by. Default: team.", show_default=False)] = None,
    over: Annotated[
        Over | None, typer.Option("--over", help="Show it over time, in steps of this.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the N dearest groups.", show_default=False)
    ] = None,
    **filters: str | None,
) -> None:
    """Add up requests, tokens and cost, of the exchanges that the filters choose."""
    wanted = read(filters)
    store = open_store(config)
    group, step = _told(by, over)
    if step is None:
        told = answer(store.spend(group or "team", wanted, limit=limit))
    else:
        told = answer(store.series(wanted, step, group))
    if as_json:
        for row in told.rows:
            print_json_line(public_spend(row, group, step))
    elif told.rows:
        _print(told, group, step)
    if told.rest:
        typer.echo(f"{told.rest:,} more are not shown.", err=True)


def _told(by: By | None, over: Over | None) -> tuple[str | None, str | None]:
    """Return group and step: what is added up by a step has no other group."""
    group, step = by and str(by.value), over and str(over.value)
    if group in STEPS:
        return None, group if step is None else step
    return group if group or step else "team", step


def _print(told: Spending, group: str | None, step: str | None) -> None:
    heads = [name.upper() for name in (step, group) if name is not None]
    sure = group in SOURCES
    cells = [(*_names(row, group, step), *_numbers(row), *([_sources(row)] if sure else [])) for row in told.rows]
    cells.append(("total", *[""] * (len(heads) - 1), *_numbers(told.total), *([""] if sure else [])))
    console().print(table((*heads, *COLUMNS, *(["SAID BY"] if sure else [])), cells, right=frozenset(COLUMNS)))


def _names(row: Spend, group: str | None, step: str | None) -> list[str]:
    started = [step_name(row.start_s, step)] if step is not None and row.start_s is not None else []
    return started if group is None else [*started, row.name]


def _numbers(row: Spend) -> list[str]:
    counts = (row.requests, row.failures, row.input_tokens, row.cached_tokens, row.output_tokens)
    return [*map(str, counts), usd_text(row.cost_nano_usd)]


def _sources(row: Spend) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(row.sources.items(), key=lambda one: -one[1])) or "-"
