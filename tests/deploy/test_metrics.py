"""Dashboards and rules ask for metrics that exist, by labels that they have; and what is exported is looked at."""

from collections.abc import Iterator

import pytest

from deploy.generate import DASHBOARDS
from deploy.source.grafana import ANNOTATIONS
from deploy.source.promql import FAILED, PROVIDER_FAULT, UNCOUNTED, fill
from deploy.source.rules import alerting, recording
from gateway.core.record import OUTCOMES
from gateway.core.usage import TOKEN_TYPES
from gateway.metrics.catalogue import CATALOGUE, COUNTER, HISTOGRAM, Metric
from tests.deploy.selectors import Selector, grouped, selectors

# Exported, and in no dashboard and no rule; each with the reason.
UNSEEN: dict[str, str] = {}

# Labels that Prometheus adds.
ADDED = {"job", "instance"}
WORDS = {"outcome": set(OUTCOMES), "type": set(TOKEN_TYPES), "stream": {"true", "false"}}


def exported() -> dict[str, Metric]:
    """Return every metric by the name that Prometheus knows."""
    return {metric.name + "_total" * (metric.kind == COUNTER): metric for metric in CATALOGUE.values()}


def recorded() -> set[str]:
    """Return the names of recording rules."""
    return {rule["record"] for group in recording()["groups"] for rule in group["rules"]}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield (where it stands, expression) of everything that is asked of Prometheus."""
    for source in DASHBOARDS:
        for row in source.rows:
            for panel in row.panels:
                for query in panel.queries:
                    yield f"{source.uid}: {panel.title}", fill(query.expr)
    for name, _, expr in ANNOTATIONS:
        yield name, fill(expr)
    for groups in (recording(), alerting()):
        for group in groups["groups"]:
            for rule in group["rules"]:
                yield rule.get("alert") or rule["record"], rule["expr"]


ALL = list(expressions())


def labels_of(selector: Selector) -> set[str]:
    """Return the labels that a metric or a rule of ours has."""
    if selector.name in recorded():
        return {"job", "slo"}
    metrics = exported()
    metric = metrics.get(selector.name) or metrics[selector.family]
    return {*metric.labels, *ADDED, *(["le"] if selector.name.endswith("_bucket") else [])}


@pytest.mark.parametrize(("place", "expression"), ALL)
def test_what_is_asked_for_exists(place: str, expression: str) -> None:
    """No panel is empty, and no alert silent, because a name is wrong: metrics, parts of histograms, labels, words."""
    metrics = exported()
    for selector in selectors(expression):
        if selector.name in recorded():
            continue
        metric = metrics.get(selector.name)
        if metric is None:
            assert selector.family != selector.name, f"{selector.name} does not exist"
            assert metrics[selector.family].kind == HISTOGRAM
        else:
            assert metric.kind != HISTOGRAM, f"{selector.name} is a histogram: _bucket, _count or _sum"
        for label, _, value in selector.matchers:
            assert label in labels_of(selector), f"{selector.name} has no label {label}"
            if label in WORDS:
                assert set(value.split("|")) <= WORDS[label]
    if "ALERTS" not in expression:  # they have the labels of whatever fires
        assert grouped(expression) <= ADDED.union(*(labels_of(selector) for selector in selectors(expression)))


@pytest.mark.parametrize("name", sorted(exported()))
def test_what_is_exported_is_looked_at(name: str) -> None:
    """Every metric stands in a dashboard or a rule, or among the few exceptions."""
    seen = {part for _, expression in ALL for one in selectors(expression) for part in (one.name, one.family)}

    assert (name in seen) != (name in UNSEEN)


def test_outcomes_are_counted_or_not() -> None:
    """Every outcome is a success, a failure, or nobody's failure: a new one must be given its place in the promise."""
    failed, uncounted = set(FAILED.split("|")), set(UNCOUNTED.split("|"))

    assert set(OUTCOMES) == failed | uncounted | {"ok"}
    assert set() == failed & uncounted
    assert 4 == len(PROVIDER_FAULT.split("|"))


@pytest.mark.parametrize(
    "expression",
    [
        "rate(tollway_nonsense_total[5m])",
        "tollway_request_duration_seconds",
        'sum(tollway_requests_total{team="x"})',
        'sum(tollway_requests_total{outcome="fine"})',
        "sum by (user) (tollway_requests_total)",
        "tollway_requests",
    ],
)
def test_what_does_not_exist_is_found(expression: str) -> None:
    """The test above can fail."""
    with pytest.raises((AssertionError, KeyError)):
        test_what_is_asked_for_exists("planted", expression)
