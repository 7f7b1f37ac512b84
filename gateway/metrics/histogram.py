"""Into which buckets do amounts fall?"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from gateway.metrics import catalogue
from gateway.metrics.catalogue import Metric
from gateway.metrics.debts import SUM, TotalKey

# In the unit of the totals.
_EDGES = {
    metric.name: [float(edge) * metric.per_unit for edge in metric.buckets[:-1]]
    for metric in catalogue.CATALOGUE.values()
    if metric.buckets
}


def bucket_of(metric: Metric, amount: float) -> int:
    """Return into which bucket an amount falls."""
    return bisect_left(_EDGES[metric.name], amount)


def observe(moved: Counter[TotalKey], metric: Metric, labels: tuple[str, ...], amounts: Sequence[float]) -> list[int]:
    """Move the buckets and the sum; return into which bucket each went."""
    if not amounts:
        return []
    name, edges = metric.name, _EDGES[metric.name]
    found = [bisect_left(edges, amount) for amount in amounts]
    for index, count in Counter(found).items():
        moved[name, labels, metric.buckets[index]] += count
    total = sum(map(round, amounts))
    if total:
        moved[name, labels, SUM] += total
    return found
