"""The totals of a day, and what `tollway spend` says of it, are what its rows add up to."""

from typing import Any

from gateway.audit.findings import Findings
from gateway.audit.sums import Recount
from gateway.core.record import Record
from gateway.metrics.totals import Tally
from gateway.store.interface import Spend
from tests.records import record

RECORDS = [
    record(cost_nano_usd=5),
    record(cost_nano_usd=7, team="web", outcome="cancelled", usage_source="estimated"),
    record(cost_nano_usd=0, usage=None, status=429, outcome="rate_limited", price_source="none"),
]
SPEND = {
    "search": Spend(name="search", requests=2, input_tokens=100, output_tokens=20, cost_nano_usd=5),
    "web": Spend(name="web", requests=1, input_tokens=100, output_tokens=20, cost_nano_usd=7),
}


def counted(records: list[Record]) -> Recount:
    """Count rows again."""
    recount = Recount()
    for one in records:
        recount.add(one)
    return recount


def differences(found: Findings) -> dict[str, tuple[Any, Any]]:
    """Return what differs by name."""
    return {each.what: (each.recorded, each.recomputed) for each in found.take()}


def test_totals_are_counted_again() -> None:
    """Whatever was admitted as a model when they were stored: what was `other` then may have a name now."""
    totals = Tally().count(RECORDS)
    found = Findings()
    counted(RECORDS).compare_totals(totals, found)
    assert {} == differences(found)
    assert found.checked["sums"] > 15
    without_names = Tally()
    without_names.configure(map(str, range(200)))
    others = without_names.count(RECORDS)
    assert others != totals
    counted(RECORDS).compare_totals(others, found)

    assert {} == differences(found)


def test_every_total_that_differs_is_named() -> None:
    """One at a time, by one; and one that is missing."""
    for key in Tally().count(RECORDS):
        totals = Tally().count(RECORDS)
        totals[key] += 1
        found = Findings()
        counted(RECORDS).compare_totals(totals, found)
        ((what, (recorded, recomputed)),) = differences(found).items()
        assert key[0] in what
        assert 1 == recorded - recomputed
    found = Findings()
    counted(RECORDS).compare_totals(Tally().count(RECORDS[:-1]), found)

    assert (0, 1) == differences(found)["tollway_team_requests{team=search,outcome=rate_limited}"]


def test_of_one_team_only_its_series_are_compared() -> None:
    """Where only its rows were counted."""
    found = Findings()
    counted(RECORDS[1:2]).compare_totals(Tally().count(RECORDS), found, "web")
    assert {} == differences(found)
    totals = Tally().count(RECORDS)
    totals["tollway_team_requests", ("web", "cancelled"), ""] += 1
    counted(RECORDS[1:2]).compare_totals(totals, found, "web")

    assert {"tollway_team_requests{team=web,outcome=cancelled}": (2, 1)} == differences(found)


def test_thousands_of_rows_are_counted_without_holding_them() -> None:
    """A batch at a time."""
    records = [record() for _ in range(1_234)]
    recount = counted(records)
    assert len(recount._waiting) < 500
    found = Findings()
    recount.compare_totals(Tally().count(records), found)

    assert {} == differences(found)


def test_metrics_of_other_versions_are_counted() -> None:
    """What this version does not count it cannot judge."""
    found = Findings()
    counted([]).compare_totals({("tollway_luck", ("a",), ""): 1}, found)

    assert {"sums: this version does not know the metric tollway_luck": 1} == found.skipped
    assert {} == differences(found)


def test_spending_is_added_up_again() -> None:
    """By team, to the nano-dollar."""
    found = Findings()
    counted(RECORDS).compare_spend(SPEND, found)
    assert {} == differences(found)
    said = SPEND | {"web": Spend(name="web", requests=1, input_tokens=100, output_tokens=20, cost_nano_usd=8)}
    counted(RECORDS).compare_spend(said, found)
    assert {"spend of web: cost_nano_usd": (8, 7)} == differences(found)
    counted(RECORDS[:1]).compare_spend(SPEND, found)

    assert (1, 0) == differences(found)["spend of web: requests"]
