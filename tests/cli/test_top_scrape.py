"""Between two readings of counters: increases, also over a restart, and quantiles as Prometheus estimates them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.top_scrape import Scrape, grouped, increases, parse, quantile

PAGE = """# HELP a_total Things.
# TYPE a_total counter
a_total{team="x\\"y",kind="1"} 3.0
a_total{team="z",kind="1"} 4.5
# TYPE g gauge
g 7.0
"""
EDGES = ("0.1", "1.0", "10.0", "+Inf")


def histogram(*counts: float) -> Scrape:
    """Make a reading of a histogram: observations by bucket, not yet added up."""
    sums = [math.fsum(counts[: at + 1]) for at in range(len(counts))]
    return Scrape(0.0, {"h_bucket": {(("le", edge),): value for edge, value in zip(EDGES, sums, strict=True)}})


EMPTY = Scrape(0.0, {})


def test_page_is_read() -> None:
    """Names as they stand on the page, labels unescaped."""
    found = parse(PAGE, 5.0)

    assert (5.0, 7.5, 7.0, 0.0) == (found.at_s, found.total("a_total"), found.total("g"), found.total("missing"))
    assert [({"kind": "1", "team": 'x"y'}, 3.0), ({"kind": "1", "team": "z"}, 4.5)] == list(found.values("a_total"))


def test_what_is_no_page_is_an_error() -> None:
    """Somebody else may listen there."""
    with pytest.raises(ValueError, match="float"):
        parse("a no number", 0.0)


def test_counters_grow_from_nothing_and_begin_anew() -> None:
    """A new series grew from 0; one that fell was reset, and all of it is new."""
    before = parse('a_total{k="old"} 10\na_total{k="reset"} 9\n', 0.0)
    after = parse('a_total{k="old"} 12\na_total{k="reset"} 4\na_total{k="new"} 3\n', 1.0)

    assert {"old": 2.0, "reset": 4.0, "new": 3.0} == grouped(increases(before, after, "a_total"), "k")


def test_sums_keep_what_is_wanted() -> None:
    """Ten thousand series, a hundred and fifty times, would fill the memory of whoever watches."""
    found = parse(PAGE, 5.0).summed({"a_total": ("kind",), "missing": ()})

    assert Scrape(5.0, {"a_total": {(("kind", "1"),): 7.5}, "missing": {}}) == found


def test_quantile_lies_within_its_bucket() -> None:
    """Evenly spread: half of what is between 0.1 and 1 lies below 0.55."""
    assert 0.55 == pytest.approx(quantile(EMPTY, histogram(0, 10, 0, 0), "h", 0.5))
    assert 0.05 == pytest.approx(quantile(EMPTY, histogram(10, 0, 0, 0), "h", 0.5))


def test_quantile_beyond_the_last_edge_is_that_edge() -> None:
    """Nobody knows how much longer."""
    assert 10.0 == quantile(EMPTY, histogram(0, 0, 0, 3), "h", 0.95)


def test_nothing_observed_has_no_quantile() -> None:
    """Neither a histogram that is not there, nor one that stands still."""
    still = histogram(1, 2, 3, 0)

    assert (None, None) == (quantile(EMPTY, EMPTY, "h", 0.5), quantile(still, still, "h", 0.5))


@given(
    st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
)
def test_larger_shares_have_larger_quantiles(counts: list[int], one: float, other: float) -> None:
    """And each lies within the edges."""
    low, high = (quantile(EMPTY, histogram(*counts), "h", share) for share in sorted((one, other)))

    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 10
