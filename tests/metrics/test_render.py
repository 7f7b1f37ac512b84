"""A scrape shows exactly the totals, in a form that Prometheus reads, and no counter ever falls."""

import threading
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.metrics import catalogue
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally, TotalKey
from tests.records import record

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


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
    exposition = Exposition(
        lambda: totals, lambda: {catalogue.JOURNAL_LAG: [((), 1.5)], catalogue.BUDGET_SPENT: [(("a",), 25 * 10**8)]}
    )
    for accept, parse in (("", plain), (OPENMETRICS, openmetrics)):
        body, content_type = exposition.render(accept)
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
    body, _ = Exposition(lambda: totals, dict).render("")

    assert 1 == value(list(plain(body.decode())), "tollway_team_requests_total", team='a"b\\c\nd')


def test_counters_never_fall() -> None:
    """An amendment that takes an outcome back is not shown as a fall, which Prometheus takes for a restart."""
    key: TotalKey = ("tollway_team_requests", ("search", "ok"), "")
    totals = {key: 5}
    exposition = Exposition(lambda: totals, dict)
    seen = []
    for number in (5, 4, 5, 6):
        totals[key] = number
        body, _ = exposition.render("")
        seen.append(value(list(plain(body.decode())), "tollway_team_requests_total"))

    assert [5, 5, 5, 6] == seen


def test_samples_join_the_totals_of_the_same_metric() -> None:
    """Refusals of known callers come from records, those of unknown ones from the board: one metric."""
    totals = Tally().count([record(outcome="policy_blocked")])
    exposition = Exposition(lambda: totals, lambda: {catalogue.REJECTIONS: [(("auth",), 7)]})
    families = list(plain(exposition.render("")[0].decode()))

    assert (1, 7) == (
        value(families, "tollway_rejections_total", reason="policy"),
        value(families, "tollway_rejections_total", reason="auth"),
    )


def test_scrapes_take_turns() -> None:
    """Two scrapes at once do not mix."""
    totals = Tally().count([record(team=f"team{number}") for number in range(200)])
    exposition = Exposition(lambda: totals, dict)
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(exposition.render("")[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [bodies[0]] * 4 == bodies


def test_every_metric_of_the_catalogue_is_announced() -> None:
    """Type and help stand there before the first exchange, so that dashboards know them."""
    body, _ = Exposition(dict, dict).render("")

    assert set(catalogue.CATALOGUE) == {
        line.split()[2].removesuffix("_total") for line in body.decode().splitlines() if line.startswith("# TYPE")
    }
