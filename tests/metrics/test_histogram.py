"""Amounts fall into the bucket whose edge they do not exceed, and add up in whole units."""

from collections import Counter

from gateway.metrics import catalogue
from gateway.metrics.debts import TotalKey
from gateway.metrics.histogram import observe


def test_edges_belong_to_their_bucket() -> None:
    """`le` is less or equal, in the unit of the totals: microseconds, or tokens."""
    moved: Counter[TotalKey] = Counter()
    into = observe(moved, catalogue.OVERHEAD, ("total",), [500, 500.4, 10_000, 2_000_000])
    observe(moved, catalogue.REQUEST_TOKENS, ("openai", "input"), [0, 1, 2, 5_000_000])

    assert [0, 1, 4, 10] == into
    assert {"0.0005": 1, "0.001": 1, "0.01": 1, "+Inf": 1, "sum": 2_011_000} == {
        part: value for (name, _, part), value in moved.items() if name == catalogue.OVERHEAD.name
    }
    assert {"1.0": 2, "4.0": 1, "+Inf": 1, "sum": 5_000_003} == {
        part: value for (name, _, part), value in moved.items() if name == catalogue.REQUEST_TOKENS.name
    }


def test_nothing_moves_nothing() -> None:
    """No amounts make no series, and what took no time has no sum."""
    moved: Counter[TotalKey] = Counter()
    observe(moved, catalogue.QUEUE, ("fast",), [])
    assert not moved
    observe(moved, catalogue.QUEUE, ("fast",), [0])

    assert {(catalogue.QUEUE.name, ("fast",), "0.0005"): 1} == moved
