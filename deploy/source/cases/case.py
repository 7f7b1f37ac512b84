"""What is a case: the series, the minutes at which an alert fires, and those at which it is quiet.

Time is told in minutes, one sample each. Nothing depends on the edge of a window: Prometheus 2 and 3 differ by a sample
there.
"""

from typing import NamedTuple

HOST = 'job="tollway",instance="a"'
# Counters count as newly born only where the host was watched before.
WATCHED = (f"tollway_build_info{{{HOST}}}", "1x3200")


class Case(NamedTuple):
    """Under these series an alert is quiet at some minutes and fires, with these labels, at others.

    `severity`: of the alerts that burn error budgets only this one is looked at.
    """

    alert: str
    about: str
    series: tuple[tuple[str, str], ...]
    fires: tuple[int, ...]
    quiet: tuple[int, ...]
    labels: str = HOST
    severity: str = ""


def series(name: str, labels: str = "") -> str:
    """Name a series of the one host."""
    return f"{name}{{{HOST}{',' if labels else ''}{labels}}}"


def gauge(alert: str, name: str, good: float, bad: float, labels: str = "") -> Case:
    """A gauge is bad for twenty minutes."""
    shown = ((series(name, labels), f"{good}x9 {bad}x19 {good}x60"),)
    return Case(alert, f"{name} is bad for twenty minutes", shown, (28,), (5, 60), joined(labels))


def rise(alert: str, name: str, window: int, labels: str = "", shown: str = HOST) -> tuple[Case, ...]:
    """A counter rises once; another is born with its first rise. What was before the watch began says nothing."""
    at = window + 10
    fires, quiet = (at + 2,), (5, at - 3, at + window + 5)
    jump = (WATCHED, (series(name, labels), f"7x{at - 1} 9x{2 * window}"))
    birth = (WATCHED, (series(name, labels), f"_x{at} 1x{2 * window}"))
    return (
        Case(alert, f"{name} rises", jump, fires, quiet, shown),
        Case(alert, f"{name} is born", birth, fires, quiet, shown),
    )


def joined(*labels: str) -> str:
    """Write labels behind those of the one host."""
    return ",".join(label for label in (HOST, *labels) if label)
