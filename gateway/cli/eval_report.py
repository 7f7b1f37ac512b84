"""`tollway eval report`: what the scores of a time say, with how far they can be trusted."""

import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from gateway.cli.options import USAGE, AsJson, ConfigFile, Offered, fail, with_options
from gateway.cli.output import Cell, console, print_json_line, table
from gateway.cli.reading import answer, open_store
from gateway.evaluation.report import DIMENSIONS, Line, dimensions_of, public_line, report_of
from gateway.evaluation.statistics import CONFIDENCE, FEW, Mean
from gateway.store.asking import score_query
from gateway.store.filters import BadFilter
from gateway.store.interface import ScoreQuery

FILTERS: Final = {
    "evaluator": ("NAME", "Only of this evaluator; patterns such as 'judge-*' work for all names."),
    "name": ("NAME", "Only scores of this name."),
    "team": ("NAME", "Only of this team."),
    "model": ("NAME", "Only of this model."),
    "route": ("NAME", "Only by this route."),
    "prompt_version": ("HASH", "Only with this system prompt."),
    "source": ("WORD", "Only by these: code, judge, human, user, api."),
    "run": ("ID", "Only of this backfill; `online` is what was sampled as it came."),
    "fingerprint": ("HASH", "Only of this version of an evaluator."),
    "since": ("WHEN", "From then on: 30m, 1h, 2d, or 2026-11-23T08:00 (UTC)."),
    "until": ("WHEN", "Before then."),
}
_OFFERED: Final = {name: Offered(str, metavar, meaning) for name, (metavar, meaning) in FILTERS.items()}
_NUMBERS: Final = ("OK", "SKIPPED", "ERROR", "MEAN", "LOW", "HIGH", "N EFF")


@with_options(_OFFERED)
def report(
    config: ConfigFile = None,
    as_json: AsJson = False,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME[,NAME…]", help=f"Part them by: {', '.join(DIMENSIONS)}.")
    ] = "",
    **filters: str | None,
) -> None:
    """Add up scores: weighted by how they were sampled, with intervals that know about conversations."""
    wanted, parts = _asked(filters, by)
    lines = answer(report_of(open_store(config), wanted, parts))
    if as_json:
        for line in lines:
            print_json_line(public_line(line, parts))
    elif lines:
        _print(lines, parts)
    else:
        typer.echo("No score matches.", err=True)


def _asked(filters: dict[str, str | None], by: str) -> tuple[ScoreQuery, list[str]]:
    asked = {name: value for name, value in filters.items() if value is not None}
    try:
        return score_query(asked, time.time_ns() // 1_000_000), dimensions_of(by)
    except BadFilter as error:
        fail(f"--{error.name.replace('_', '-')}: {error}", USAGE)


def _print(lines: Sequence[Line], by: Sequence[str]) -> None:
    heads = ("SCORE", "VERSION", *(name.upper() for name in by), *_NUMBERS[:3], "WHAT", *_NUMBERS[3:])
    rows = [row for line in lines for row in _rows(line)]
    console().print(table(heads, rows, right=frozenset(_NUMBERS)))
    out = console()
    for line in lines:
        words = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        if words:
            out.print(f"{line.series.name} without a score: {words}", style="dim", markup=False)
        if line.n_unweighted:
            told = f"{line.series.name}: {line.n_unweighted} taken with an unknown probability are in no mean"
            out.print(told, style="dim", markup=False)
    out.print(
        f"\nMeans stand for all exchanges, not only the sampled ones; LOW and HIGH hold the true mean in "
        f"{CONFIDENCE:.0%} of cases. ? = of fewer than {FEW} effective observations; - = all of one "
        "conversation.",
        style="dim",
    )


def _rows(line: Line) -> list[tuple[Cell, ...]]:
    series = line.series
    version = " ".join(filter(None, (series.version, series.fingerprint[:8]))) or None
    counts = (str(line.n_ok), str(line.n_skipped), str(line.n_error))
    head: tuple[Cell, ...] = (series.name, version, *(name or "-" for name in series.where), *counts)
    again: tuple[Cell, ...] = ("", "", *("" for _ in series.where), "", "", "")
    cells = [_mean(what, mean) for what, mean in _means(line)] or [("-", None, None, None, None)]
    return [(*(head if not at else again), *each) for at, each in enumerate(cells)]


def _means(line: Line) -> list[tuple[str, Mean]]:
    """Return what is worth a row: the value, the share that is good, the shares of labels."""
    what = "yes" if line.type == "boolean" else "mean"
    told = [(what, line.value), ("pass", line.passed)] if line.type == "categorical" else [(what, line.value)]
    return [(name, mean) for name, mean in told if mean is not None] + list(line.labels.items())


def _mean(what: str, mean: Mean) -> tuple[Cell, ...]:
    thin = "?" if mean.n_eff < FEW else ""
    low, high = (f"{mean.interval.low:.4g}", f"{mean.interval.high:.4g}") if mean.interval else (None, None)
    return (what, f"{mean.value:.4g}", low, high, f"{mean.n_eff:.0f}{thin}")
