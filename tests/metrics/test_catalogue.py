"""The catalogue keeps Prometheus' rules, so that every name passes promtool."""

import re

import pytest

from gateway.metrics import catalogue
from gateway.metrics.catalogue import CATALOGUE, COUNTER, HISTOGRAM, Metric


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)
def test_metric_is_well_formed(metric: Metric) -> None:
    """Names, labels, buckets and help text are as exporters must have them."""
    assert re.fullmatch(r"tollway_[a-z0-9_]+", metric.name)
    assert not metric.name.endswith("_total"), "added when rendered"
    assert metric.meaning.endswith(".")
    assert (metric.kind == HISTOGRAM) == bool(metric.buckets)
    if metric.kind == HISTOGRAM:
        assert len(metric.labels) <= 4
        edges = [float(edge) for edge in metric.buckets]
        assert sorted(set(edges)) == edges
        assert float("inf") == edges[-1]


def test_no_name_twice() -> None:
    """Each metric is declared once."""
    assert len(CATALOGUE) == sum(
        map(len, (catalogue.FROM_RECORDS, catalogue.FROM_SCORES, catalogue.FROM_STORE, catalogue.FROM_PROCESSES))
    )


def test_promised_edges_are_buckets() -> None:
    """The service levels that we publish (10 ms overhead, 2 s to the first token) can be read off exactly."""
    assert "0.01" in catalogue.OVERHEAD_BUCKETS
    assert "2.0" in catalogue.FIRST_TOKEN_BUCKETS


def test_money_is_scaled_only_when_shown() -> None:
    """Totals stay integers: nano-dollars and microseconds."""
    assert 1e9 == catalogue.COST.per_unit
    assert COUNTER == catalogue.COST.kind
    assert {1e6} == {
        metric.per_unit
        for metric in CATALOGUE.values()
        if metric.kind == HISTOGRAM and metric.name.endswith("_seconds")
    }
