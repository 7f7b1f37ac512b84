"""A scrape shows exactly the totals, in a form that Prometheus reads, and no counter ever falls."""

import threading
from collections.abc import Mapping
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.metrics import catalogue
from gateway.metrics.debts import TotalKey
from gateway.metrics.render import Exposition, Samples
from gateway.metrics.totals import Tally
from tests.records import record

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def page(totals: Mapping[TotalKey, int], samples: Samples | None = None, accept: str = "") -> str:
    """Render once."""
    return Exposition(lambda: totals, lambda _: samples or {}, Tally()).render(accept).body.decode()


def value(families: Any, name: str, **labels: str) -> float:
    """Find the one sample with that name and those labels."""
    (found,) = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return float(found)


def test_both_formats_are_read_back() -> None:
    """Text and OpenMetrics carry the same numbers, in seconds and dollars."""
    totals = Tally().count([record(duration_ms=700.0), record(duration_ms=3.0)])
    samples: Samples = {catalogue.JOURNAL_LAG: [((), 1.5)], catalogue.BUDGET_SPENT: [(("a",), 25 * 10**8)]}
    exposition = Exposition(lambda: totals, lambda _: samples, Tally())
    for accept, parse in (("", plain), (OPENMETRICS, openmetrics)):
        body, content_type, _ = exposition.render(accept)
        families = list(parse(body.decode()))

        assert content_type.startswith("application/openmetrics-text" if accept else "text/plain")
        assert 2 == value(families, "tollway_requests_total")
        assert 0.000054 == value(families, "tollway_cost_usd_total")
        assert 1 == value(families, "tollway_request_duration_seconds_bucket", le="0.05")
        assert 2 == value(families, "tollway_request_duration_seconds_bucket", le="1.0")
        assert 2 == value(families, "tollway_request_duration_seconds_bucket", le="+Inf")
        assert 2 == value(families, "tollway_request_duration_seconds_count")
        assert 0.703 == value(families, "tollway_request_duration_seconds_sum")
        assert 1.5 == value(families, "tollway_journal_lag_seconds")
        assert 2.5 == value(families, "tollway_budget_spent_usd", budget="a")


def test_label_values_are_escaped() -> None:
    """Quotes, backslashes and line ends in names do not break the page."""
    totals = Tally().count([record(team='a"b\\c\nd')])

    assert 1 == value(list(plain(page(totals))), "tollway_team_requests_total", team='a"b\\c\nd')


def test_samples_join_the_totals_of_the_same_metric() -> None:
    """Refusals of known callers come from records, those of unknown ones from the board: one metric."""
    totals = Tally().count([record(outcome="policy_blocked")])
    families = list(plain(page(totals, {catalogue.REJECTIONS: [(("auth",), 7)]})))

    assert (1, 7) == (
        value(families, "tollway_rejections_total", reason="policy"),
        value(families, "tollway_rejections_total", reason="auth"),
    )


def test_scrapes_take_turns() -> None:
    """Of scrapes at the same time one makes the page, and all get it."""
    totals = Tally().count([record(team=f"team{number}") for number in range(200)])
    made: list[None] = []
    exposition = Exposition(lambda: made.append(None) or totals, lambda _: {}, Tally())
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(exposition.render("").body)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [bodies[0]] * 4 == bodies
    assert [None] == made


def test_every_metric_of_the_catalogue_is_announced() -> None:
    """Type and help stand there before the first exchange, so that dashboards know them."""
    lines = page({}).splitlines()

    assert [metric.exported for metric in catalogue.CATALOGUE.values()] == [
        line.split()[2] for line in lines if line.startswith("# TYPE")
    ]
