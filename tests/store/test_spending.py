"""Files are put together: by group and step, days whose rows are gone included, each counted once."""

from pathlib import Path

import pytest

from gateway.metrics.totals import Tally
from gateway.store import spending
from gateway.store.filters import BadFilter
from gateway.store.interface import Query, Spending
from gateway.store.opening import Deadline
from gateway.store.rollups_file import Asked, RollupsFile
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record

DAY = NOON_MS - DAY_MS // 2


def keep(folder: Path, *days: int) -> None:
    """Store an exchange of each day: the cost is 10 to the day."""
    store = SqliteStore(folder, Tally().count)
    for day in days:
        store.commit([finished(record(NOON_MS + day * DAY_MS, cost_nano_usd=10**day, session=f"s{day % 2}"))], {})
    store.close()


def fold(folder: Path, day: str) -> None:
    """Do what retention does: keep a day's sums, and leave its file to be removed."""
    rollups = RollupsFile(folder)
    rollups.fold(folder / f"{day}.db", Asked((), lambda balance: False, {}))
    rollups.close()


def told(
    folder: Path, by: str | None, step: str | None = None, query: Query | None = None, limit: int | None = None
) -> Spending:
    """Ask for sums."""
    return spending.spending(folder, Deadline(60.0), query or Query(), by, step, limit)


def test_days_make_weeks_and_months(tmp_path: Path) -> None:
    """2026-11-23 is a Monday; steps are told in order, in UTC."""
    keep(tmp_path, 0, 1, 6, 7, 8)

    for step, expected in (
        (
            "day",
            [
                ("2026-11-23", 1),
                ("2026-11-24", 10),
                ("2026-11-29", 10**6),
                ("2026-11-30", 10**7),
                ("2026-12-01", 10**8),
            ],
        ),
        ("week", [("2026-11-23", 1_000_011), ("2026-11-30", 110_000_000)]),
        ("month", [("2026-11", 11_000_011), ("2026-12", 10**8)]),
        (
            "hour",
            [
                (f"2026-{day}T12:00Z", 10**n)
                for day, n in (("11-23", 0), ("11-24", 1), ("11-29", 6), ("11-30", 7), ("12-01", 8))
            ],
        ),
    ):
        for rows in (told(tmp_path, None, step).rows, told(tmp_path, step).rows):
            assert expected == [(spending.step_name(row.start_s or 0, step), row.cost_nano_usd) for row in rows]


def test_groups_are_dearest_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    """A limit hides groups, and says how many; the total holds them all."""
    keep(tmp_path, 0, 1, 2)
    all_of_them, some = told(tmp_path, "session"), told(tmp_path, "session", limit=1)

    assert [("s0", 101), ("s1", 10)] == [(row.name, row.cost_nano_usd) for row in all_of_them.rows]
    assert (["s0"], 1, 111) == ([row.name for row in some.rows], some.rest, some.total.cost_nano_usd)
    assert [("2026-11-23", "s0"), ("2026-11-24", "s1"), ("2026-11-25", "s0")] == [
        (spending.step_name(row.start_s or 0, "day"), row.name) for row in told(tmp_path, "session", "day").rows
    ]


def test_days_that_are_gone_stay_in_the_sums(tmp_path: Path) -> None:
    """By every group and step; and a day that has both a file and its sums elsewhere counts once."""
    keep(tmp_path, 0, 1, 2)
    before = [told(tmp_path, by, step) for by in (None, "team", "session", "tag") for step in ("hour", "day", "month")]
    fold(tmp_path, "2026-11-23")
    both = told(tmp_path, "team")
    (tmp_path / "2026-11-23.db").unlink()

    assert 111 == both.total.cost_nano_usd == told(tmp_path, "team").total.cost_nano_usd
    after = [told(tmp_path, by, step) for by in (None, "team", "session", "tag") for step in ("hour", "day", "month")]
    assert [each.rows for each in before if each.rows[0].buckets] == [
        each.rows for each in after if each.rows[0].buckets
    ]
    assert [111] * 12 == [each.total.cost_nano_usd for each in after]
    assert 110 == told(tmp_path, "team", query=Query(since_ms=DAY + DAY_MS)).total.cost_nano_usd
    assert 1 == told(tmp_path, "team", query=Query(since_ms=DAY + 1, until_ms=DAY + DAY_MS)).total.cost_nano_usd


def test_more_steps_than_anybody_looks_at_are_refused(tmp_path: Path) -> None:
    """Minutes of a year: the answer says how many they are."""
    keep(tmp_path, 0, 8)

    with pytest.raises(BadFilter, match="12,960 steps"):
        told(tmp_path, None, "minute")
    (minute,) = told(tmp_path, None, "minute", Query(since_ms=NOON_MS + 8 * DAY_MS)).rows
    assert "2026-12-01T12:00Z" == spending.step_name(minute.start_s or 0, "minute")
    with pytest.raises(BadFilter, match="one of minute"):
        told(tmp_path, None, "year")


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({0: 2}, 0.5, 25.0),
        ({0: 1, 1: 1}, 0.5, 50.0),
        ({0: 1, 1: 1}, 1.0, 100.0),
        ({3: 4}, 0.75, 437.5),
        ({14: 1}, 0.5, 600_000.0),
        ({}, 0.5, None),
    ],
)
def test_percentiles_lie_within_their_bucket(counts: dict[int, int], share: float, expected: float | None) -> None:
    """As Prometheus tells them from the same edges."""
    assert expected == spending.percentile_ms([counts.get(at, 0) for at in range(15)], share)


def test_a_day_that_is_folded_meanwhile_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the look at what is gone, and before the look at its file: the answer is made anew."""
    keep(tmp_path, 0, 1)
    of_files, done = spending._of_files, []

    def folds_first(*asked: object) -> object:
        if not done:
            done.append(True)
            fold(tmp_path, "2026-11-23")
            (tmp_path / "2026-11-23.db").unlink()
        return of_files(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(spending, "_of_files", folds_first)

    assert 11 == told(tmp_path, "team").total.cost_nano_usd


def test_a_later_exchange_of_a_day_that_is_gone_counts_with_it(tmp_path: Path) -> None:
    """Its day has a file again, and its sums elsewhere: both are meant."""
    keep(tmp_path, 0)
    fold(tmp_path, "2026-11-23")
    (tmp_path / "2026-11-23.db").unlink()
    keep(tmp_path, 0)

    assert 2 == told(tmp_path, "team").total.cost_nano_usd
