"""Files are opened read-only, for a bounded time; whoever no longer waits for an answer stops it."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from gateway.metrics.totals import Tally
from gateway.store.interface import StoreRefused
from gateway.store.opening import Deadline, QueryTimeout, connect, opened, watched
from gateway.store.sqlite import SqliteStore
from tests.records import finished, record

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A day file, cleanly closed."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    store.close()
    return tmp_path / "2026-11-23.db"


def test_statement_without_end_is_stopped(path: Path) -> None:
    """At the deadline, and the error says what to do."""
    with pytest.raises(QueryTimeout, match="ask for less"), opened(path, Deadline(0.05)) as sql:
        sql.execute(ENDLESS).fetchall()


def test_what_was_called_off_does_not_begin(path: Path) -> None:
    """A question whose asker has gone takes no more files."""
    deadline = Deadline(1000.0)
    assert not deadline.has_passed
    deadline.call_off()

    assert deadline.has_passed
    with pytest.raises(QueryTimeout), opened(path, deadline):
        pass


def test_mistakes_are_no_timeouts(path: Path) -> None:
    """An error of SQLite stays what it is."""
    with pytest.raises(sqlite3.OperationalError, match="no such table"), opened(path, Deadline(1000.0)) as sql:
        sql.execute("SELECT * FROM missing")


def test_other_tables_are_refused(path: Path) -> None:
    """Of a later and of an earlier release, with what to do; and nothing stays open."""
    for version, said in (("99", "pip install"), ("1", "earlier release")):
        with sqlite3.connect(path) as sql:
            sql.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (version,))
        sql.close()
        with pytest.raises(StoreRefused, match=said):
            connect(path)


async def test_who_watches_and_is_cancelled_leaves_no_thread(path: Path) -> None:
    """At whatever point: a thread that is left tells a loop that may be closed by then."""

    async def watch() -> None:
        async with watched(path, Deadline(60)) as db:
            await db.execute_fetchall("SELECT 1")

    before = threading.active_count()
    for turns in range(40):
        watching = asyncio.create_task(watch())
        for _ in range(turns):
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait({watching})

        assert before == threading.active_count()


async def test_who_watches_stops_what_runs(path: Path) -> None:
    """At the deadline, and when nobody waits for it any more."""

    async def watch(allowed_s: float) -> None:
        async with watched(path, Deadline(allowed_s)) as db:
            running.set()
            await db.execute_fetchall(ENDLESS)

    running = asyncio.Event()
    with pytest.raises(QueryTimeout, match="ask for less"):
        await watch(0.05)
    running.clear()
    watching = asyncio.create_task(watch(60))
    await running.wait()
    began_s = time.monotonic()
    watching.cancel()
    await asyncio.wait({watching})

    assert watching.cancelled()
    assert time.monotonic() - began_s < 10
