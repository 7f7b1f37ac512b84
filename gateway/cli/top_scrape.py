"""What do two readings of /metrics tell of the time between them? Samples, increases, quantiles; no I/O."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

# A sample's labels, sorted, and its value.
Labels = tuple[tuple[str, str], ...]


class Scrape(NamedTuple):
    """One reading. `samples`: by name as it stands on the page, `tollway_requests_total`, then by labels."""

    at_s: float
    samples: Mapping[str, Mapping[Labels, float]]

    def values(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Give the samples of a name."""
        for labels, value in self.samples.get(name, {}).items():
            yield dict(labels), value

    def total(self, name: str) -> float:
        """Add the samples of a name up."""
        return math.fsum(self.samples.get(name, {}).values())

    def summed(self, wanted: Mapping[str, Sequence[str]]) -> "Scrape":
        """Keep these names only, added up by these labels: of thousands of series a few numbers are left."""
        kept: dict[str, dict[Labels, float]] = {name: {} for name in wanted}
        for name, labels in wanted.items():
            sums = kept[name]
            for all_of_them, value in self.samples.get(name, {}).items():
                some = tuple([label for label in all_of_them if label[0] in labels])
                sums[some] = sums.get(some, 0.0) + value
        return Scrape(self.at_s, kept)


def parse(text: str, at_s: float) -> Scrape:
    """Read a page; raise ValueError where it is none."""
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return Scrape(at_s, samples)


def increases(before: Scrape, after: Scrape, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Give by how much each counter of a name grew. One that fell began anew: then all of it is growth."""
    earlier = before.samples.get(name, {})
    for labels, value in after.samples.get(name, {}).items():
        first = earlier.get(labels, 0.0)
        yield dict(labels), value - first if value >= first else value


def grouped(found: Iterable[tuple[dict[str, str], float]], label: str) -> dict[str, float]:
    """Add up by one label."""
    sums: dict[str, float] = {}
    for labels, value in found:
        name = labels.get(label, "")
        sums[name] = sums.get(name, 0.0) + value
    return sums


def quantile(before: Scrape, after: Scrape, name: str, share: float) -> float | None:
    """Estimate a quantile of a histogram's observations between two readings; None: there were none.

    As Prometheus does: evenly within a bucket. Beyond the last finite edge it is that edge.
    """
    counts = grouped(increases(before, after, f"{name}_bucket"), "le")
    edges = sorted((float(edge), count) for edge, count in counts.items())
    whole = edges[-1][1] if edges else 0.0
    if whole <= 0:
        return None
    wanted = share * whole
    lower_edge = lower_count = 0.0
    for edge, count in edges:
        if count >= wanted and count > lower_count:
            if math.isinf(edge):
                return lower_edge
            return lower_edge + (edge - lower_edge) * max(0.0, wanted - lower_count) / (count - lower_count)
        lower_edge, lower_count = edge, count
    return None
