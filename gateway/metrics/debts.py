"""How is it made sure that no counter falls, where an amendment takes back what was counted?

An amended record moves the totals to what is true now, which may be less than a scrape has seen; for Prometheus a
counter that falls has begun anew. What is shown is therefore the total and a debt: what was taken back, until as much
was counted again. Debts are totals themselves, committed with what made them, so that they outlive every process.
"""

from collections.abc import Iterable, Mapping

from gateway.metrics.catalogue import CATALOGUE, HISTOGRAM

# Metric, label values in the metric's order, part ("" of a counter; an upper edge or "sum" of a histogram).
TotalKey = tuple[str, tuple[str, ...], str]
_Series = tuple[str, tuple[str, ...]]

SUM = "sum"
OWED = "owed "  # the part of a debt begins so; behind it stands the part that it belongs to


class Debts:
    """Remembers in which series there are debts; how much they are is only what the totals say."""

    def __init__(self) -> None:
        self._indebted: set[_Series] = set()

    def recall(self, totals: Iterable[TotalKey]) -> None:
        """Find those that are stored."""
        self._indebted.update((name, labels) for name, labels, part in totals if part.startswith(OWED))

    def owe(self, totals: Mapping[TotalKey, int], changes: Mapping[TotalKey, int]) -> dict[TotalKey, int]:
        """Return how the debts move when these changes are added to these totals."""
        moved: dict[TotalKey, int] = {}
        fallen = {key[:2] for key, change in changes.items() if change < 0}
        self._indebted |= fallen
        if self._indebted:
            touched = {key[:2] for key in changes}
            for series in self._indebted & touched:
                moved.update(_moved(series, totals, changes))
        return moved


def _moved(
    series: _Series, totals: Mapping[TotalKey, int], changes: Mapping[TotalKey, int]
) -> Iterable[tuple[TotalKey, int]]:
    """What is shown becomes the larger one of what was shown and what is true; the debt is what that is too much."""
    for part, change in _exported(series, changes):
        key = (*series, OWED + part)
        before = totals.get(key, 0)
        after = max(0, before - change)
        if after != before:
            yield key, after - before


def _exported(series: _Series, changes: Mapping[TotalKey, int]) -> Iterable[tuple[str, int]]:
    """Give what a scrape shows of a series, with its changes: of a histogram, buckets hold what is below them, too."""
    name, labels = series
    metric = CATALOGUE[name]
    if metric.kind != HISTOGRAM:
        yield "", changes.get((name, labels, ""), 0)
        return
    below = 0
    for edge in metric.buckets:
        below += changes.get((name, labels, edge), 0)
        yield edge, below
    yield SUM, changes.get((name, labels, SUM), 0)
