"""What does docs/monitoring.md say of dashboards and alerts? What the files say: both come from the same tables."""

from collections.abc import Iterator
from textwrap import fill as fill_paragraph

from deploy.source.alerts import GROUPS, Alert
from deploy.source.panel import Dashboard
from deploy.source.promql import fill
from deploy.source.slo import BURNS, OBJECTIVES, Objective

BEGIN, END = "<!-- written by deploy.generate: {} -->", "<!-- end: {} -->"

_TITLES = {
    "tollway-reach": "Reach: is it there?",
    "tollway-books": "Books: is everything written down?",
    "tollway-money": "Money: budgets, prices, estimates",
    "tollway-providers": "Providers",
    "tollway-evaluation": "Evaluation",
    "tollway-configuration": "Configuration and metrics",
}


def replaced(text: str, name: str, lines: Iterator[str]) -> str:
    """Put lines between the two marks of a part of the document."""
    begin, end = BEGIN.format(name), END.format(name)
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the document has no {begin} … {end}")
    return "\n".join([head + begin, "", *lines, "", end + tail])


def dashboards(sources: tuple[Dashboard, ...]) -> Iterator[str]:
    """List the dashboards, and what each row of them shows."""
    yield "| dashboard | question | rows |"
    yield "|---|---|---|"
    for source in sources:
        rows = ", ".join(row.title.lower() for row in source.rows)
        yield f"| `{source.uid}` | {source.description} | {rows} |"


def promises() -> Iterator[str]:
    """List objectives, and how fast each alert lets an error budget burn."""
    yield "| promise | alert | error budget |"
    yield "|---|---|---|"
    for objective in OBJECTIVES:
        share = f"{float(objective.budget) * 100:g} %"
        yield f"| {objective.promise} | [{objective.alert}](#{objective.alert.lower()}) | {share} |"
    yield ""
    yield "| severity | times as fast as allowed | over | and still over |"
    yield "|---|---|---|---|"
    for burn in BURNS:
        yield f"| {burn.severity} | {burn.factor} | {burn.long} | {burn.short} |"


def alerts() -> Iterator[str]:
    """Write a section for every alert."""
    yield "### Promises: error budgets burn"
    for objective in OBJECTIVES:
        yield from _promise(objective)
    for name, group in GROUPS.items():
        yield ""
        yield f"### {_TITLES[name]}"
        for alert in group:
            yield from _section(alert)


def _promise(objective: Objective) -> Iterator[str]:
    yield from ("", f"#### {objective.alert}", "")
    yield _prose(f"*Page or ticket.* The promise: {objective.promise}. {objective.meaning}")
    yield from ("", _prose(objective.action))


def _section(alert: Alert) -> Iterator[str]:
    yield from ("", f"#### {alert.name}", "")
    hold = f", after {alert.hold}" if alert.hold != "0m" else ""
    yield _prose(f"*{alert.severity.capitalize()}{hold}.* {alert.meaning}")
    yield from ("", _prose(alert.action), "", "```promql", *fill(alert.expr).split("\n"), "```")


def _prose(text: str) -> str:
    return fill_paragraph(text, 150, break_long_words=False, break_on_hyphens=False)
