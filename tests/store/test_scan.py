"""Rows are looked at only where the sums say that there can be some; and whatever matches is found."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.metrics.totals import Tally
from gateway.store import naming as naming_module
from gateway.store import scan
from gateway.store.interface import Query
from gateway.store.opening import Deadline, opened
from gateway.store.scan import Stretch
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record

HOUR_MS = 3_600_000
MIDNIGHT_MS = NOON_MS - DAY_MS // 2
MINUTE_MS = 60_000
RECORDS = [
    record(MIDNIGHT_MS + 1 * HOUR_MS + 5, team="web", session="s1", cost_nano_usd=7, duration_ms=2000.0),
    record(MIDNIGHT_MS + 2 * HOUR_MS + 5, team="web", session="s2", cost_nano_usd=5),
    record(MIDNIGHT_MS + 7 * HOUR_MS + 5, team="web", tags=["rare"], cost_nano_usd=0),
    record(MIDNIGHT_MS + 9 * HOUR_MS + 5, team="ads", session="s2", cost_nano_usd=0),
]


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A day with some exchanges."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in RECORDS], {})
    store.close()
    with opened(tmp_path / "2026-11-23.db", Deadline(60.0)) as sql:
        yield sql


def hours(*bounds: tuple[int, int]) -> list[Stretch]:
    """Write stretches of the day in whole hours."""
    return [Stretch(MIDNIGHT_MS + first * HOUR_MS, MIDNIGHT_MS + end * HOUR_MS) for first, end in bounds]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(team="web"), hours((7, 8), (1, 3))),
        (Query(team="ads"), hours((9, 10))),
        (Query(team="nobody"), []),
        (Query(team="web", until_ms=MIDNIGHT_MS + 2 * HOUR_MS), hours((1, 2))),
        (Query(team="web", since_ms=MIDNIGHT_MS + 2 * HOUR_MS, text="x"), hours((7, 8), (2, 3))),
        (Query(session="nobody"), []),
        (Query(any_tag=("nothing",)), []),
    ],
)
def test_hours_without_a_match_are_skipped(sql: sqlite3.Connection, query: Query, expected: list[Stretch]) -> None:
    """The newest first; those that follow each other are one, unless text is looked for."""
    assert expected == scan.stretches(sql, query)


def test_callers_are_looked_for_from_first_to_last(sql: sqlite3.Connection) -> None:
    """To the millisecond: their sums know when they were seen."""
    span = Stretch(MIDNIGHT_MS + 2 * HOUR_MS + 5, MIDNIGHT_MS + 9 * HOUR_MS + 6)
    rare = Stretch(MIDNIGHT_MS + 7 * HOUR_MS + 5, MIDNIGHT_MS + 7 * HOUR_MS + 6)

    assert [span] == scan.stretches(sql, Query(session="s2"))
    assert [rare] == scan.stretches(sql, Query(any_tag=("rare",)))


def minutes(first: int, end: int, hour: int) -> Stretch:
    """Write a stretch of an hour in whole minutes."""
    start_ms = MIDNIGHT_MS + hour * HOUR_MS
    return Stretch(start_ms + first * MINUTE_MS, start_ms + end * MINUTE_MS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(min_cost_nano_usd=5), [minutes(0, 1, hour=2), minutes(0, 1, hour=1)]),
        (Query(min_cost_nano_usd=6), [minutes(0, 1, hour=1)]),
        (Query(min_cost_nano_usd=8), []),
        (Query(min_cost_nano_usd=5, team="ads"), []),
        (
            Query(min_cost_nano_usd=5, until_ms=MIDNIGHT_MS + HOUR_MS + 9),
            [Stretch(MIDNIGHT_MS + HOUR_MS, MIDNIGHT_MS + HOUR_MS + 9)],
        ),
        (
            Query(min_cost_nano_usd=5, since_ms=MIDNIGHT_MS + 2 * HOUR_MS + 3),
            [Stretch(MIDNIGHT_MS + 2 * HOUR_MS + 3, MIDNIGHT_MS + 2 * HOUR_MS + MINUTE_MS)],
        ),
        (Query(min_duration_ms=2000.0), [minutes(0, 1, hour=1)]),
        (Query(min_duration_ms=2000.1), []),
        (Query(min_cost_nano_usd=5, min_duration_ms=2000.0), [minutes(0, 1, hour=1)]),
    ],
)
def test_minutes_without_a_high_one_are_skipped(sql: sqlite3.Connection, query: Query, expected: list[Stretch]) -> None:
    """Dear, large or slow ones are few, and spread over a day."""
    assert expected == scan.stretches(sql, query)


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        ((1, 2, 3), [(1, 4)]),
        ((1, 2, 12), [(1, 13)]),
        ((1, 12), [(1, 13)]),
        ((1, 13), [(13, 14), (1, 2)]),
        ((0, 59), [(59, 60), (0, 1)]),
    ],
)
def test_minutes_near_each_other_are_one_stretch(
    tmp_path: Path, high: tuple[int, ...], expected: list[tuple[int, int]]
) -> None:
    """Where many are high, the rows are gone through as if nothing had been asked for: many looks at few cost more."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record(MIDNIGHT_MS + at * MINUTE_MS, cost_nano_usd=1)) for at in high], {})
    store.close()
    with opened(tmp_path / "2026-11-23.db", Deadline(60.0)) as sql:
        found = scan.stretches(sql, Query(min_cost_nano_usd=1))

    assert [minutes(first, end, hour=0) for first, end in expected] == found


@pytest.mark.parametrize("at_once", [True, False])
def test_an_amendment_raises_the_peak(tmp_path: Path, at_once: bool) -> None:
    """What became known late is found, too, whatever it was before."""
    first = record(MIDNIGHT_MS, cost_nano_usd=0, outcome="error", duration_ms=1.0)
    amended = record(id=first.id, cost_nano_usd=9, duration_ms=90.0)
    batch = [finished(first), finished(amended, None, None, amends=True)]
    store = SqliteStore(tmp_path, Tally().count)
    for each in [batch] if at_once else [[one] for one in batch]:
        store.commit(each, {})
    store.close()

    with opened(tmp_path / "2026-11-23.db", Deadline(60.0)) as sql:
        for query in (Query(min_cost_nano_usd=9), Query(min_duration_ms=90.0)):
            assert [minutes(0, 1, hour=0)] == scan.stretches(sql, query)


def test_cursor_and_id_bound_the_time(sql: sqlite3.Connection) -> None:
    """A page deep in a day does not walk past all that is newer."""
    one = RECORDS[1]

    assert MIDNIGHT_MS + 2 * HOUR_MS + 6 == scan.bounds(Query(before=one.id)).end_ms
    assert Stretch(MIDNIGHT_MS + 2 * HOUR_MS + 5, MIDNIGHT_MS + 2 * HOUR_MS + 6) == scan.bounds(Query(id=one.id))
    assert scan.bounds(Query()).first_ms == 0


def test_matches_are_newest_first_and_counted_up_to_a_number(sql: sqlite3.Connection) -> None:
    """Within the stretch and the limit."""
    (whole,) = scan.stretches(sql, Query())
    query = Query(team="web")

    assert [RECORDS[2], RECORDS[1]] == list(scan.matches(sql, query, whole, 2))
    assert [RECORDS[0]] == list(scan.matches(sql, query, hours((1, 2))[0], 9))
    assert [2, 3] == [scan.count(sql, query, whole, most) for most in (2, 9)]
    assert 4 == scan.count(sql, Query(text='"a"'), whole, 9)


def test_names_beyond_the_bound_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, callers and tags that share one sum: an hour in which they may be is looked at."""
    for name in ("MODELS_TRIED", "MODELS_ANSWERED", "CLAIMS_MOST", "TAGS_MOST"):
        monkeypatch.setattr(naming_module, name, 1)
    records = [
        record(
            NOON_MS + number, session=f"s{number}", tags=[f"t{number}"], model_requested=f"m{number}", model_served=None
        )
        for number in range(4)
    ]
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in records], {})
    store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    for number, one in enumerate(records):
        for query in (Query(session=f"s{number}"), Query(any_tag=(f"t{number}",)), Query(model=f"m{number}")):
            found = [each for where in scan.stretches(sql, query) for each in scan.matches(sql, query, where, 9)]
            assert [one] == found
    sql.close()
