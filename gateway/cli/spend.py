"""`tollway spend`: what was used and what it cost, by team, key, model, day or provider, to the nano-dollar."""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile
from gateway.cli.output import console, print_json_line, table
from gateway.cli.reading import answer, instant, open_store
from gateway.core.money import usd_text
from gateway.store.interface import GROUPS, Spend
from gateway.store.shown import public_spend

By = StrEnum("By", list(GROUPS))  # type: ignore[misc]


def spend(
    config: ConfigFile = None,
    as_json: AsJson = False,
    by: Annotated[By, typer.Option("--by", help="What to add up by.")] = By("team"),  # noqa: B008 an enum's value
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From then on: 1h, 7d, 2026-11-01.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Before then.", show_default=False)] = None,
) -> None:
    """Add up requests, tokens and cost."""
    since_ms, until_ms = instant("since", since), instant("until", until)
    rows = answer(open_store(config).spend(by.value, since_ms=since_ms, until_ms=until_ms))
    if as_json:
        for row in rows:
            print_json_line(public_spend(row, by.value))
        return
    if not rows:
        return
    total = Spend(name="total")
    for row in rows:
        total.add(row.requests, row.input_tokens, row.output_tokens, row.cost_nano_usd)
    cells = [
        (row.name, str(row.requests), str(row.input_tokens), str(row.output_tokens), usd_text(row.cost_nano_usd))
        for row in [*rows, total]
    ]
    columns = (by.value.upper(), "REQUESTS", "INPUT", "OUTPUT", "COST USD")
    console().print(table(columns, cells, right=frozenset(columns[1:])))
