"""Whoever only looks at the ledger sees what is committed, and is in nobody's way."""

import sqlite3
from pathlib import Path

import pytest

from gateway.ledger.file import Batch, LedgerFile
from gateway.ledger.lease import Balance, Lease, Place
from gateway.ledger.view import look

ONE = Place("search/daily", 0)


def test_what_is_committed_is_seen(tmp_path: Path) -> None:
    """While the authority goes on writing."""
    file = LedgerFile(tmp_path / "ledger?.db")
    for spent in (1, 2):
        batch = Batch()
        batch.add(ONE, Balance(spent, leases={"a": Lease(5, 1, 5, 2)}, late={"b": -1}))
        file.write(batch)

        assert [(ONE, Balance(spent, leases={"a": Lease(5, 1, 5, 2)}, late={"b": -1}))] == look(
            tmp_path / "ledger?.db"
        ).balances
    file.close()


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    """And none is made."""
    assert [] == look(tmp_path / "ledger.db").balances
    assert [] == list(tmp_path.iterdir())


def test_what_is_no_ledger_is_said(tmp_path: Path) -> None:
    """In SQLite's words."""
    (tmp_path / "ledger.db").write_bytes(b"nonsense" * 1000)

    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        look(tmp_path / "ledger.db")
