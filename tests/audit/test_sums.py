"""The totals of a day, and what `tollway spend` says of it, are what its rows add up to."""

from typing import Any
from uuid import UUID

import msgspec

from gateway.audit.findings import Findings
from gateway.audit.sums import Recount
from gateway.core.record import Record
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.dayview import FileSums
from tests.records import DAY_MS, NOON_MS, record

RECORDS = [
    record(cost_nano_usd=5),
    record(cost_nano_usd=7, team="web", outcome="cancelled", usage_source="estimated"),
    record(cost_nano_usd=0, usage=None, status=429, outcome="rate_limited", price_source="none"),
]
SPEND = {
    "search": (2, 1, 100, 20, 0, 5, 2 * 812_345, 2),
    "web": (1, 1, 100, 20, 0, 7, 812_345, 1),
}


def columns(one: Record) -> dict[str, Any]:
    """Return what of its columns the sums need."""
    return {"id": UUID(one.id).bytes, "kind": 1 + (one.team == "web"), "claim": 5 + (one.team == "web")}


def counted(records: list[Record]) -> Recount:
    """Count rows again."""
    recount = Recount()
    for one in records:
        recount.add(one, columns(one))
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
    said = SPEND | {"web": (1, 1, 100, 20, 0, 8, 812_345, 1)}
    counted(RECORDS).compare_spend(said, found)
    assert {"spend of web: cost_nano_usd": (8, 7)} == differences(found)
    counted(RECORDS[:1]).compare_spend(SPEND, found)

    assert (1, 0) == differences(found)["spend of web: requests"]


def sums() -> FileSums:
    """Return what a file of these rows must hold."""
    search = (*SPEND["search"], *[0] * 4, 2, *[0] * 10)
    web = (*SPEND["web"], *[0] * 4, 1, *[0] * 10)
    noon, day = NOON_MS // 1000, NOON_MS // DAY_MS * 86_400
    return FileSums(
        {(3600, noon, 1): search, (86400, day, 1): search, (3600, noon, 2): web, (86400, day, 2): web},
        {5: SPEND["search"], 6: SPEND["web"]},
        {("", "search", "ci"): SPEND["search"], ("other", "web", "ci"): SPEND["web"]},
        {noon: (7, 120, 812_345)},
    )


def test_sums_by_hour_day_caller_and_tag_are_counted_again() -> None:
    """A tag that has no sum of its own is in the one that all others share."""
    found = Findings()
    records = [*RECORDS[::2], msgspec.structs.replace(RECORDS[1], tags=["x"])]
    counted(records).compare_sums(sums(), found)
    assert {} == differences(found)
    counted([one for one in records if one.team == "web"]).compare_sums(sums(), found, "web")
    assert {} == differences(found)
    for table in range(3):
        for which in sums()[table]:
            changed = sums()
            changed[table][which] = tuple(amount + (at == 5) for at, amount in enumerate(changed[table][which]))
            counted(records).compare_sums(changed, found)
            ((what, (recorded, recomputed)),) = differences(found).items()
            assert what.endswith(f"{which}: cost_nano_usd")
            assert 1 == recorded - recomputed


def test_a_peak_may_be_too_high_but_never_too_low() -> None:
    """What was removed leaves it as it was; one that is missing would hide every exchange of its minute."""
    found = Findings()
    minute = NOON_MS // 1000
    for peak in ({minute: (9, 900, 900_000)}, {minute: (7, 119, 812_345)}, {}):
        counted(RECORDS).compare_sums(sums()._replace(peaks=peak), found)
    told = [(each.what, each.recorded, each.recomputed) for each in found.take() if each.what.startswith("peak")]
    names = [f"peak of minute {minute}: {name}" for name in schema.PEAK]

    assert [(names[1], 119, 120), (names[0], 0, 7), (names[1], 0, 120), (names[2], 0, 812_345)] == told
