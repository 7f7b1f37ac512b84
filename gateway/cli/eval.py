"""`tollway eval`: how evaluators stand, what the scores say, why an exchange was evaluated or not."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from gateway.cli import eval_label, eval_pair, eval_past, eval_report
from gateway.cli.evaluating import evaluating_of, queue_of
from gateway.cli.options import AsJson, ConfigFile, load
from gateway.cli.output import BAD_STYLE, Cell, console, print_json_line, table
from gateway.cli.reading import answer, open_store
from gateway.evaluation.follow import Follow
from gateway.evaluation.standing import Standing, standings
from gateway.evaluation.why import asked_of, public_why, why

app = typer.Typer(help="See what evaluators do and what their scores say; try rules on the past.", no_args_is_help=True)
app.command(name="report")(eval_report.report)
app.command(name="label")(eval_label.label)
app.command(name="pair")(eval_pair.pair)
app.command(name="preview")(eval_past.preview_command)
app.command(name="backfill")(eval_past.backfill)
app.command(name="runs")(eval_past.show_runs)
app.command(name="cancel")(eval_past.cancel_run)

_STATES: Final = {"ok": "green", "quarantined": BAD_STYLE, "not_loaded": "yellow", "unused": ""}
_COUNTED: Final = ("seen", "matched", "sampled", "dropped", "run", "ok", "skipped", "error")
_HEADS: Final = ("EVALUATOR", "VERSION", "TEAMS", "STATE", *(name.upper() for name in _COUNTED), "WAITING")


@app.command(name="list")
def list_evaluators(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show each evaluator: who uses it, whether it runs, and how far its exchanges came."""
    found = load(config)
    with queue_of(found) as reader:
        told = standings(evaluating_of(found), reader)
    if as_json:
        for one in told:
            print_json_line(msgspec.to_builtins(one))
        return
    if not told:
        typer.echo('No team uses an evaluator: add `[evaluation] evaluators = ["json_valid"]` to its file.', err=True)
        return
    console().print(table(_HEADS, map(_row, told), right=frozenset(_HEADS[4:])))
    _print_trouble(told)


@app.command()
def explain(
    exchange: Annotated[str, typer.Argument(metavar="ID", help="The exchange, or the beginning of its id.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say for each evaluator why an exchange was evaluated, or was not."""
    found = load(config)
    store = open_store(config)
    record = answer(store.exchange(exchange)).record
    judged = answer(store.judged(record))
    with queue_of(found) as reader:
        told = why(asked_of(record, judged, reader), evaluating_of(found), Follow(found.store_dir), reader)
    if as_json:
        for one in told:
            print_json_line(public_why(one))
    elif told:
        rows = [(one.evaluator, one.state, _number(one.draw), _number(one.rate), one.told) for one in told]
        heads = ("EVALUATOR", "STATE", "DRAWN", "RATE", "WHY")
        console().print(table(heads, rows, right=frozenset({"DRAWN", "RATE"})))
    else:
        typer.echo(f"The team {record.team} uses no evaluator.", err=True)


def _row(one: Standing) -> tuple[Cell, ...]:
    teams = ", ".join(f"{team} {rate:g}" for team, rate in one.rates.items())
    state = Text(one.state, style=_STATES[one.state])
    counts = [str(one.funnel[name]) for name in _COUNTED]
    return (one.evaluator, one.version, teams or None, state, *counts, str(one.waiting))


def _print_trouble(told: Sequence[Standing]) -> None:
    """Say below the table why something does not run, and why exchanges were skipped or failed."""
    out = console()
    for one in told:
        if one.state == "quarantined":
            out.print(f"\n{one.evaluator} is shut out until {one.until}: {one.reason}", style=BAD_STYLE, markup=False)
            if one.detail:
                out.print(one.detail.rstrip(), markup=False)
        for step in ("skipped", "error", "dropped"):
            reasons = sorted(one.reasons.get(step, {}).items(), key=lambda each: -each[1])
            if reasons:
                words = ", ".join(f"{reason} {count}" for reason, count in reasons)
                out.print(f"{one.evaluator} {step}: {words}", style="dim", markup=False)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"
