"""A bucket names the exchange that it counted last, in OpenMetrics only, and never with more than 128 characters."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from gateway.metrics import catalogue
from gateway.metrics.exemplars import exemplar
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from tests.metrics.test_render import OPENMETRICS
from tests.records import record

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("trace", "named"), [(TRACE, {"trace_id": TRACE}), (None, {}), ("", {}), ("a" * 200, {}), ('"} 1', {})]
)
def test_the_id_and_a_trace_that_is_one(trace: str | None, named: dict[str, str]) -> None:
    """What a client made up is no label; OpenMetrics allows 128 characters for all of them."""
    one = record(trace_id=trace)
    labels = exemplar(one, 1).labels

    assert {"request_id": one.id, **named} == labels
    assert sum(len(name) + len(value) for name, value in labels.items()) <= 128


def test_the_newest_of_each_bucket_is_shown() -> None:
    """With its duration, which lies within the bucket, and when it ended; the text format has none."""
    tally = Tally()
    records = [record(duration_ms=duration) for duration in (700.0, 3.0, 800.0)]
    totals = tally.count(records)
    exposition = Exposition(lambda: totals, lambda _: {}, tally)
    found = {
        sample.labels["le"]: sample.exemplar
        for family in openmetrics(exposition.render(OPENMETRICS).body.decode())
        for sample in family.samples
        if sample.exemplar is not None and "le" in sample.labels
    }

    assert {"0.05": records[1].id, "1.0": records[2].id} == {
        edge: one.labels["request_id"] for edge, one in found.items()
    }
    assert (0.8, 1_795_435_200.8) == (found["1.0"].value, float(found["1.0"].timestamp))
    assert b"request_id" not in exposition.render("").body


def test_there_are_no_more_than_series() -> None:
    """Thousands of exchanges keep one each for a counter and for each bucket that was reached."""
    tally = Tally()
    for _ in range(20):
        tally.count([record(duration_ms=duration) for duration in (1.0, 10.0, 700.0)])

    assert {(catalogue.REQUESTS.name, ""), (catalogue.DURATION.name, "0.05"), (catalogue.DURATION.name, "1.0")} == {
        (name, part) for name, _, part in tally.exemplars()
    }
