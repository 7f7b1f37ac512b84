"""`tollway logs`: the exchanges, newest first or as they come, or one of them whole. Needs no running gateway."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from gateway.cli import show
from gateway.cli.filters import OFFERED, read
from gateway.cli.options import USAGE, AsJson, ConfigFile, Offered, fail, with_options
from gateway.cli.output import Cell, console, duration, outcome_text, print_json_line, printable, table
from gateway.cli.reading import answer, open_store
from gateway.cli.scores import scores_text
from gateway.core.money import usd_text
from gateway.core.record import Record, public
from gateway.core.score import Evaluation
from gateway.core.score import public as public_evaluation
from gateway.store.interface import DEFAULT_LIMIT, Query
from gateway.store.reader import StoreReader

FOLLOW_S = 0.25
# Ids begin with their time; this much of one nearly always names it alone.
SHOWN_ID = 18
COLUMNS = ("TIME (UTC)", "TEAM/KEY", "MODEL", "PROVIDER", "STATUS", "OUTCOME", "IN", "OUT", "COST USD", "TIME", "ID")
NUMBERS = frozenset({"STATUS", "IN", "OUT", "COST USD"})
FOLLOWED_WIDTHS = (19, 20, 28, 10, 6, 14, 7, 7, 12, 9, SHOWN_ID)

LIMIT = {"limit": Offered(str, "N", f"How many at most. Default: {DEFAULT_LIMIT}.")}

app = typer.Typer(help="Show the log of exchanges, newest first.", invoke_without_command=True)


@app.callback()
@with_options(OFFERED | LIMIT)
def logs(
    context: typer.Context,
    config: ConfigFile = None,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print each exchange as it ends.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Show what was judged of each.")] = False,
    **filters: str | None,
) -> None:
    """Show the log of exchanges, newest first."""
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    wanted = read(filters)
    store = open_store(config)
    if follow and scores:
        fail("--scores: of an exchange that just ends nothing is judged yet. Leave out --follow", USAGE)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            answer(_follow(store, wanted, as_json=as_json))
        return
    page = answer(store.exchanges(wanted))
    judged = answer(store.scores_of(one.id for one in page.records)) if scores else None
    if as_json:
        for record in page.records:
            print_json_line(public(record) if judged is None else _judged(record, judged.get(record.id, ())))
    elif page.records:
        rows: Iterable[tuple[Cell, ...]] = map(_row, page.records)
        if judged is not None:
            rows = ((*_row(one), scores_text(judged.get(one.id, ()))) for one in page.records)
        console().print(table(COLUMNS if judged is None else (*COLUMNS, "SCORES"), rows, right=NUMBERS))
    elif page.complete and not store.is_empty:
        typer.echo("No exchange matches.", err=True)
    if not page.complete:
        fail("this took too long: what was found so far stands above. Ask for a shorter time with --since")


app.command("show")(show.show)


async def _follow(store: StoreReader, wanted: Query, *, as_json: bool) -> None:
    """Print each exchange once, in the order of their ends, until interrupted."""
    following = store.following()
    position = await following.newest()
    shown = console()
    if not as_json:
        shown.print(_line(COLUMNS), style="bold")
    while True:
        found = await following.read(position, wanted)
        position = found.position
        for _, record in found.rows:
            if as_json:
                print_json_line(public(record))
            else:
                shown.print(_line(_row(record)), markup=False)
        if not found.is_behind:
            await asyncio.sleep(FOLLOW_S)


def _row(record: Record) -> tuple[Cell, ...]:
    usage = record.usage
    return (
        record.started_at[:19].replace("T", " "),
        f"{record.team}/{record.key}",
        record.model_served or record.model_requested,
        record.provider,
        None if record.status is None else str(record.status),
        outcome_text(record.outcome),
        None if usage is None else str(usage.input_total),
        None if usage is None else str(usage.output_total),
        usd_text(record.cost_nano_usd),
        duration(record.duration_ms),
        record.id[:SHOWN_ID],
    )


def _judged(record: Record, judged: Sequence[Evaluation]) -> dict[str, Any]:
    return public(record) | {"evaluations": [public_evaluation(one) for one in judged]}


def _line(cells: Any) -> str:
    """Lay out one row by itself: a table's widths are known only at its end."""
    texts = ["-" if cell is None else printable(str(cell)) for cell in cells]
    return "  ".join(text.ljust(width) for text, width in zip(texts, FOLLOWED_WIDTHS, strict=True)).rstrip()
