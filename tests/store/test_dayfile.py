"""A day file commits whole transactions, refuses what it does not know, and gets out of the way when broken."""

import sqlite3
from pathlib import Path

import pytest

from gateway.store import dayfile
from gateway.store.dayfile import DayFile, is_broken, put_aside
from gateway.store.interface import StoreRefused
from tests.records import record


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """All of a transaction or nothing, and the connection goes on working."""
    file = DayFile(tmp_path / "2026-11-23.db")
    with pytest.raises(ZeroDivisionError), file.transaction():
        file.sql.execute("INSERT INTO watermarks VALUES ('a', 1)")
        raise ZeroDivisionError
    with file.transaction():
        file.sql.execute("INSERT INTO watermarks VALUES ('b', 2)")

    assert [("b", 2)] == file.sql.execute("SELECT * FROM watermarks").fetchall()
    file.close()


def test_checkpoint_is_needed_only_after_commits(tmp_path: Path) -> None:
    """Opening alone leaves nothing to sync; a commit does, a checkpoint ends it."""
    file = DayFile(tmp_path / "2026-11-23.db")
    states = [file.unsynced]
    with file.transaction():
        file.sql.execute("INSERT INTO watermarks VALUES ('a', 1)")
    states.append(file.unsynced)
    assert file.checkpoint()
    states.append(file.unsynced)

    assert [False, True, False] == states
    file.close()


def test_grown_log_is_cut_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that a reader made grow large is given back to the disk once it can be."""
    monkeypatch.setattr(dayfile, "TRUNCATE_BYTES", 1000)
    file = DayFile(tmp_path / "2026-11-23.db")
    with file.transaction():
        file.sql.execute("INSERT INTO watermarks VALUES ('a', 1)")
    assert file.checkpoint()

    assert 0 == (tmp_path / "2026-11-23.db-wal").stat().st_size
    file.close()


def test_unclean_end_is_noticed(tmp_path: Path) -> None:
    """A log beside the file tells that its last writer did not close it."""
    first = DayFile(tmp_path / "2026-11-23.db")
    second = DayFile(tmp_path / "2026-11-23.db")
    assert (False, True) == (first.was_left_open, second.was_left_open)
    first.close()
    second.close()
    third = DayFile(tmp_path / "2026-11-23.db")

    assert not third.was_left_open
    third.close()


def test_refused_file_is_not_changed(tmp_path: Path) -> None:
    """A newer file keeps every byte."""
    path = tmp_path / "2026-11-23.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('schema_version', '99')")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    with pytest.raises(StoreRefused, match="schema 99"):
        DayFile(path)
    assert before == path.read_bytes()


def test_put_aside_takes_the_log_along(tmp_path: Path) -> None:
    """A log without its file would be applied to the next one of that name."""
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"2026-11-23.db{suffix}").write_bytes(suffix.encode())
    aside = put_aside(tmp_path / "2026-11-23.db")

    assert [] == list(tmp_path.glob("2026-11-23.db")) + list(tmp_path.glob("2026-11-23.db-*"))
    assert b"-wal" == Path(f"{aside}-wal").read_bytes()


def test_locked_is_not_broken() -> None:
    """Only damage moves a file away; a lock or a full disk passes."""
    assert not is_broken(sqlite3.OperationalError("database is locked"))
    assert not is_broken(sqlite3.OperationalError("database or disk is full"))
    assert is_broken(sqlite3.DatabaseError("database disk image is malformed"))


def test_file_of_an_earlier_release_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Its tables are others: it is neither changed nor half understood."""
    path = tmp_path / "2026-11-23.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('schema_version', '1')")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    with pytest.raises(StoreRefused, match=r"earlier release .schema 1.*move it away"):
        DayFile(path)
    assert before == path.read_bytes()


def test_numbers_given_in_a_failed_transaction_are_forgotten(tmp_path: Path) -> None:
    """What the file does not hold nobody may refer to."""
    file = DayFile(tmp_path / "2026-11-23.db")
    with pytest.raises(ZeroDivisionError), file.transaction():
        file.naming.of(record())
        raise ZeroDivisionError
    with file.transaction():
        named = file.naming.of(record())

    assert [(named.kind,)] == file.sql.execute("SELECT kind FROM kinds").fetchall()
    file.close()
