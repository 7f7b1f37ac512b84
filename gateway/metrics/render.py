"""Totals and gauges as Prometheus text: the only place where amounts become floats."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from gateway.metrics import catalogue
from gateway.metrics.catalogue import Metric
from gateway.metrics.totals import SUM, TotalKey

# Samples of gauges and process counters: label values and value, by metric.
Samples = Mapping[Metric, Iterable[tuple[tuple[str, ...], float]]]


class Exposition:
    """Render `totals()` and `samples()` for a scrape."""

    def __init__(self, totals: Callable[[], Mapping[TotalKey, int]], samples: Callable[[], Samples]) -> None:
        self._totals = totals
        self._samples = samples
        self._shown: dict[TotalKey, int] = {}
        self._one_at_a_time = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return body and content type, OpenMetrics or text as the scraper accepts; blocks for milliseconds."""
        encode, content_type = choose_encoder(accept)
        with self._one_at_a_time:
            return encode(self._registry), content_type

    def collect(self) -> Iterator[Family]:
        """Give every metric of the catalogue (the registry calls this)."""
        by_metric: dict[str, dict[tuple[str, ...], dict[str, int]]] = {}
        for key, total in self._totals().items():
            # An amended record moves its old counters back; a counter that fell would look like a restart.
            shown = self._shown[key] = max(total, self._shown.get(key, total))
            by_metric.setdefault(key[0], {}).setdefault(key[1], {})[key[2]] = shown
        samples = self._samples()
        for metric in catalogue.CATALOGUE.values():
            family = _family(metric, by_metric.get(metric.name, {}))
            for labels, value in samples.get(metric, ()):
                family.add_metric(labels, value / metric.per_unit)
            yield family

    def describe(self) -> list[Family]:
        """Registering must not collect."""
        return []


def _empty(metric: Metric) -> Any:
    make = {
        catalogue.COUNTER: CounterMetricFamily,
        catalogue.GAUGE: GaugeMetricFamily,
        catalogue.HISTOGRAM: HistogramMetricFamily,
    }[metric.kind]
    return make(metric.name, metric.meaning, labels=metric.labels)


def _family(metric: Metric, children: Mapping[tuple[str, ...], Mapping[str, int]]) -> Any:
    family: Any = _empty(metric)
    for labels in sorted(children):
        parts = children[labels]
        if metric.kind == catalogue.HISTOGRAM:
            family.add_metric(labels, _cumulative(metric, parts), parts.get(SUM, 0) / metric.per_unit)
        else:
            family.add_metric(labels, parts[""] / metric.per_unit)
    return family


def _cumulative(metric: Metric, parts: Mapping[str, int]) -> list[tuple[str, float]]:
    buckets = []
    below = 0
    for edge in metric.buckets:
        below += parts.get(edge, 0)
        buckets.append((edge, float(below)))
    return buckets
