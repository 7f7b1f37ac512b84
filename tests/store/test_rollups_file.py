"""The sums of days that are gone: each file's are in there once, and a later release's are not touched."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from gateway.core.record import Hold
from gateway.metrics.totals import Tally
from gateway.store.interface import StoreRefused
from gateway.store.rollups_file import FINE_KEPT_S, Asked, RollupsFile
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished, record
from tests.store.conformance import counted

NOTHING = Asked((), lambda balance: False, {})
DAY = "2026-11-23.db"


def test_without_a_fold_there_is_no_file(tmp_path: Path) -> None:
    """Whoever never removes anything has one file less."""
    rollups = RollupsFile(tmp_path)

    assert (({}, {}, {}, frozenset(), 0), {}) == (rollups.load(), rollups.spent("w"))
    assert [] == list(tmp_path.iterdir())


def test_folding_the_same_file_twice_counts_it_once(tmp_path: Path) -> None:
    """The second time it is known by its name."""
    records = [record(holder="w", holds=[Hold("a", 1, "usd", 9, 5, 2)]), record()]
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in records], {"w.seg": 3})
    store.close()
    rollups = RollupsFile(tmp_path)
    asked = Asked(["w"], lambda balance: False, {"w.seg": 4})

    assert [2, 0] == [rollups.fold(tmp_path / DAY, asked) for _ in range(2)]
    rollups.close()
    past = RollupsFile(tmp_path).load()
    assert counted(records) | {("tollway_retention_removed", ("rows",), ""): 2} == past.totals
    assert ({"w.seg": 4}, {("w", "a", 1): 2}) == (past.watermarks, past.late)
    assert past.seq > 0
    assert {("a", 1): 5} == RollupsFile(tmp_path).spent("w")


def test_who_and_when_to_the_hour_is_not_kept_for_good(tmp_path: Path) -> None:
    """Sums by team, model and day are; those by hour, session, user or tag go when they are more than a year old."""
    old, new = NOON_MS - (FINE_KEPT_S + 86_400) * 1000, NOON_MS
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record(at_ms, session="s", tags=["x"])) for at_ms in (old, new)], {})
    store.close()
    rollups = RollupsFile(tmp_path)
    for path in sorted(tmp_path.glob("????-??-??.db")):
        rollups.fold(path, NOTHING)
    rollups.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "rollups.db")) as sql:
        steps = sql.execute("SELECT step_s, count(*) FROM rollups GROUP BY 1").fetchall()
        names = [sql.execute(f"SELECT sum(requests) FROM {table}").fetchone()[0] for table in ("claims", "tags")]

    assert [(3600, 1), (86400, 2)] == steps
    assert [1, 1] == names


def test_file_of_a_later_release_is_refused(tmp_path: Path) -> None:
    """Its sums must neither be lost nor added to."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    store.close()
    RollupsFile(tmp_path).fold(tmp_path / DAY, NOTHING)
    with contextlib.closing(sqlite3.connect(tmp_path / "rollups.db", isolation_level=None)) as sql:
        sql.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")

    with pytest.raises(StoreRefused, match="newer release"):
        SqliteStore(tmp_path, Tally().count)
    with pytest.raises(StoreRefused):
        RollupsFile(tmp_path).fold(tmp_path / DAY, NOTHING)


def test_damaged_file_is_put_aside(tmp_path: Path) -> None:
    """The days that are there are worth more than the sums of those that are not: recording goes on."""
    (tmp_path / "rollups.db").write_bytes(b"no database" * 1000)
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    store.close()

    assert 1 == len(list(tmp_path.glob("rollups.db.corrupt-*")))
