"""What is a panel, a row, a dashboard: the words that the tables in dashboards/ are written in."""

from typing import NamedTuple

TIMESERIES, STAT, TABLE, BARS, HEATMAP = "timeseries", "stat", "table", "bargauge", "heatmap"


class Query(NamedTuple):
    """One expression (words of `promql.fill` stand in it), and what a series of it is called."""

    expr: str
    legend: str = ""


class Threshold(NamedTuple):
    """From this value on the panel has this colour."""

    at: float
    colour: str


class Panel(NamedTuple):
    """One panel. `width` is of 24. `over_range`: the queries ask for the whole range at once, and give one value.

    `stacked`: the series add up to something. `link`: labels that are filters of the log, too, and lead from a series
    to its exchanges.
    """

    title: str
    kind: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    width: int = 12
    over_range: bool = False
    stacked: bool = False
    exemplars: bool = False
    link: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    top: float | None = None


class Row(NamedTuple):
    """A headline and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    """One file."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]


def number(
    title: str, unit: str, description: str, expr: str, *thresholds: Threshold, over_range: bool = True
) -> Panel:
    """Make a panel that shows one number."""
    return Panel(title, STAT, unit, description, (Query(expr),), width=4, over_range=over_range, thresholds=thresholds)


def quantiles(name: str, by: str, legend: str, *shares: str, matchers: str = "") -> tuple[Query, ...]:
    """Make queries for quantiles of a histogram."""
    selected = f"$S,{matchers}" if matchers else "$S"
    labels = f"le, {by}" if by else "le"
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{{{selected}}}[$R])))",
            f"{legend} p{float(share) * 100:g}".strip(),
        )
        for share in shares
    )
