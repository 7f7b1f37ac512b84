"""Files are opened read-only, for a bounded time; whoever no longer waits for an answer stops it."""

import sqlite3
from pathlib import Path

import pytest

from gateway.metrics.totals import Tally
from gateway.store.interface import StoreRefused
from gateway.store.opening import Deadline, QueryTimeout, connect, opened
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
