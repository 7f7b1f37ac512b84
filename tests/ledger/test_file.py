"""What was committed is there after any crash, and a file that cannot be used says what to do."""

import re
import sqlite3
import time
from pathlib import Path

import pytest

from gateway.ledger import file as ledger_file
from gateway.ledger.file import (
    THRESHOLDS_KEPT_S,
    TRAIL_KEPT_S,
    Bar,
    Batch,
    Deed,
    Kept,
    LedgerFile,
    LedgerRefused,
    Passed,
    Raise,
)
from gateway.ledger.lease import MOST, Balance, Lease, Place

ONE, OTHER = Place("search/daily", 0), Place('search/daily?user="é', -60)


def write(path: Path, batch: Batch) -> Kept:
    """Commit a batch and read everything again from a copy of the file, as a crash would leave it."""
    file = LedgerFile(path)
    file.write(batch)
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    file.close()
    again = LedgerFile(copy)
    kept = again.load()
    again.close()
    return kept


def test_a_new_file_is_empty(tmp_path: Path) -> None:
    """And ready."""
    assert Kept([], {}, [], 1, {}) == write(tmp_path / "ledger.db", Batch())


def test_balances_are_kept_with_their_leases(tmp_path: Path) -> None:
    """Amounts of 60 bits and below zero, names of any kind; what a balance no longer has is removed."""
    batch = Batch()
    batch.add(ONE, Balance(-5, 7, MOST, {"a": Lease(MOST, 3, 2, 1), "b": Lease()}, {"a": -3, "gone": 9}))
    batch.add(OTHER, Balance(1, over_s=60, leases={"a": Lease(9)}, late={"b": 2}))
    kept = write(tmp_path / "ledger.db", batch)

    assert {
        ONE: Balance(-5, 7, MOST, {"a": Lease(MOST, 3, 2, 1), "b": Lease()}, {"a": -3, "gone": 9}),
        OTHER: Balance(1, 0, 60, {"a": Lease(9)}, {"b": 2}),
    } == dict(kept.balances)
    later = Batch()
    later.add(ONE, Balance(6, leases={"b": Lease(1)}, late={"gone": 8}))
    later.add(OTHER, None)
    assert {ONE: Balance(6, leases={"b": Lease(1)}, late={"gone": 8})} == dict(
        write(tmp_path / "ledger.db", later).balances
    )


def test_holders_that_are_gone_and_raises_are_kept(tmp_path: Path) -> None:
    """Until they are forgotten."""
    batch = Batch()
    batch.gone += [("a", 10), ("b", 20)]
    batch.raises.append(Raise(4, "search/daily", -5, MOST))
    assert Kept([], {"a": 10, "b": 20}, [Raise(4, "search/daily", -5, MOST)], 5, {}) == write(tmp_path / "x.db", batch)
    later = Batch()
    later.forgotten.append(("a",))

    assert {"b": 20} == write(tmp_path / "x.db", later).gone


def test_thresholds_that_were_passed_are_kept(tmp_path: Path) -> None:
    """Until they are forgotten; what is noted again in the same commit stays."""
    batch = Batch()
    batch.passed += [(*ONE, "[50,80]", 7), (*OTHER, "[50]", MOST)]
    kept = {ONE: Passed((50, 80), 7), OTHER: Passed((50,), MOST)}
    assert kept == write(tmp_path / "x.db", batch).passed
    later = Batch()
    later.unpassed += [ONE, OTHER]
    later.passed.append((*ONE, "[50]", 7))

    assert {ONE: Passed((50,), 7)} == write(tmp_path / "x.db", later).passed


def test_what_bars_a_model_is_kept(tmp_path: Path) -> None:
    """As it was noted last, also when it is acknowledged."""
    one, other = Bar("openai/x", 5, "e1", MOST, 3, 0), Bar('openai/"é\n', 6, "e2", 9, 3, 0)
    batch = Batch()
    batch.bars += [one, other, one._replace(at_s=7)]
    assert {one._replace(at_s=7), other} == set(write(tmp_path / "x.db", batch).bars)
    later = Batch()
    later.bars.append(other._replace(acknowledged_ms=1_234))

    assert {one._replace(at_s=7), other._replace(acknowledged_ms=1_234)} == set(write(tmp_path / "x.db", later).bars)


def test_a_batch_that_is_written_twice_changes_nothing(tmp_path: Path) -> None:
    """A commit may have reached the disk though it was said to have failed."""
    batch = Batch()
    batch.add(ONE, Balance(5))
    batch.deeds.append(Deed(1, 0, "ann", "why not", "correct", ONE.series, 0, 5))
    batch.raises.append(Raise(2, "x", 1, 1))
    first = write(tmp_path / "x.db", batch)

    assert first == write(tmp_path / "x.db", batch)
    file = LedgerFile(tmp_path / "x.db")
    assert batch.deeds == file.trail(10)
    file.close()


def test_the_trail_tells_who_did_what_newest_first(tmp_path: Path) -> None:
    """And cannot be changed: not even by hand."""
    deeds = [Deed(number, int(time.time()), "ann", "why", "raise", "x", None, -5, 99) for number in (1, 2, 3)]
    batch = Batch()
    batch.deeds += deeds
    assert 4 == write(tmp_path / "x.db", batch).free_id
    file = LedgerFile(tmp_path / "x.db")

    assert [deeds[2], deeds[1]] == file.trail(2)
    file.close()
    sql = sqlite3.connect(tmp_path / "x.db")
    for statement in ("DELETE FROM trail", "UPDATE trail SET amount = 0"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            sql.execute(statement)
    sql.close()


def test_the_trail_is_kept_for_more_than_a_year(tmp_path: Path) -> None:
    """What was noted of itself with each balance a month; of a raise that still counts its deed stays with it."""
    now_s = int(time.time())
    month_s, year_s = now_s - THRESHOLDS_KEPT_S, now_s - TRAIL_KEPT_S
    batch = Batch()
    batch.raises += [Raise(1, "x", 5, MOST), Raise(2, "x", 5, year_s - 5)]
    batch.deeds += [
        *(Deed(number, year_s - 5, "ann", "why", "raise", "x", None, 5) for number in (1, 2, 3)),
        Deed(4, year_s + 60, "ann", "why", "raise", "x", None, 5),
        Deed(5, month_s - 5, "tollway", "80 %", "threshold", "x", 0, 5),
        Deed(6, month_s + 60, "tollway", "80 %", "threshold", "x", 0, 5),
    ]
    batch.stale.append((now_s,))
    kept = write(tmp_path / "x.db", batch)
    file = LedgerFile(tmp_path / "x.db")

    assert [1] == [one.id for one in kept.raises]
    assert [6, 4, 1] == [deed.id for deed in file.trail(9)]
    file.close()


def test_a_clock_that_was_ahead_takes_nothing_from_the_trail(tmp_path: Path) -> None:
    """What must not be removed does not fail the commit that asks for it: money is in it, too."""
    batch = Batch()
    batch.deeds.append(Deed(1, int(time.time()), "ann", "why", "raise", "x", None, 5))
    batch.stale.append((int(time.time()) + 10 * TRAIL_KEPT_S,))

    assert 2 == write(tmp_path / "x.db", batch).free_id


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    """A batch is written whole or not at all."""
    batch = Batch()
    batch.add(ONE, Balance(5))
    batch.leases.append((ONE.series, 0, "a", None, 0, 0, 0))
    file = LedgerFile(tmp_path / "x.db")

    with pytest.raises(sqlite3.IntegrityError):
        file.write(batch)
    assert [] == file.load().balances
    file.close()


def test_a_locked_file_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's backup is not the end of it."""
    monkeypatch.setattr(ledger_file, "LOCK_WAIT_S", 0.01)
    batch = Batch()
    batch.add(ONE, Balance(5))
    file = LedgerFile(tmp_path / "x.db")
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError):
        file.write(batch)
    other.close()
    file.write(batch)
    assert [ONE] == [place for place, _ in file.load().balances]
    file.close()


def test_a_file_of_a_later_release_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    LedgerFile(tmp_path / "x.db").close()
    sql = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    sql.execute("UPDATE meta SET value = '2'")
    sql.close()

    with pytest.raises(LedgerRefused, match=r"schema 2, this one reads up to 1\): run `pip install --upgrade tollway`"):
        LedgerFile(tmp_path / "x.db")


def test_the_schema_says_its_version(tmp_path: Path) -> None:
    """The one that this release reads."""
    LedgerFile(tmp_path / "x.db").close()
    sql = sqlite3.connect(tmp_path / "x.db")

    assert [(str(ledger_file.VERSION),)] == sql.execute("SELECT value FROM meta").fetchall()
    sql.close()


def test_a_file_without_what_came_later_gets_it(tmp_path: Path) -> None:
    """One that was made before anything could become known late goes on."""
    batch = Batch()
    batch.add(ONE, Balance(5))
    write(tmp_path / "x.db", batch)
    sql = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    sql.execute("DROP TABLE late")
    sql.close()
    later = Batch()
    later.add(ONE, Balance(5, late={"a": 1}))

    assert {ONE: Balance(5, late={"a": 1})} == dict(write(tmp_path / "x.db", later).balances)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Whatever it is; money is not guessed."""
    path = tmp_path / "x.db"
    batch = Batch()
    for number in range(500):
        batch.add(Place(f"series {number}", 0), Balance(5))
    write(path, batch)
    pages = bytearray(path.read_bytes())
    pages[len(pages) // 2 : len(pages) // 2 + 4096] = bytes(4096)
    for content in (b"nonsense" * 1000, bytes(pages)):
        path.write_bytes(content)

        with pytest.raises(LedgerRefused, match=re.escape(f"{path} is damaged") + r".*: put back a copy, or move it"):
            LedgerFile(path)


def test_a_folder_that_is_not_there_can_be_made(tmp_path: Path) -> None:
    """It is no damage."""
    with pytest.raises(sqlite3.OperationalError):
        LedgerFile(tmp_path / "nowhere" / "x.db")


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """Else a power cut could take back what was granted."""
    file = LedgerFile(tmp_path / "x.db")

    assert [(2,), ("wal",)] == [
        file._sql.execute(f"PRAGMA {name}").fetchone() for name in ("synchronous", "journal_mode")
    ]
    file.close()


def test_a_lease_is_found_by_its_key(tmp_path: Path) -> None:
    """However many there are, a commit touches those that changed."""
    file = LedgerFile(tmp_path / "x.db")
    plan = file._sql.execute(
        "EXPLAIN QUERY PLAN " + ledger_file._WRITES[0][2].format(ledger_file._select(2)), ("[]",)
    ).fetchall()

    assert "SEARCH leases USING PRIMARY KEY" in plan[0][-1]
    file.close()


def test_the_trail_of_one_budget(tmp_path: Path) -> None:
    """In all its units and parts, and none of another whose name begins alike; in pages; or the deeds of some ids."""
    file = LedgerFile(tmp_path / "ledger.db")
    names = ["a/x", "a/x#requests", "a/x?user=é", "a/x?", "a/xy", "a/x-", "b/x"]
    batch = Batch()
    batch.deeds += [Deed(at, 1, "ann", "why", "reset", name, None, 0) for at, name in enumerate(names, 1)]
    file.write(batch)

    assert ["a/x?", "a/x?user=é", "a/x#requests", "a/x"] == [deed.series for deed in file.trail(9, "a/x")]
    assert [3, 2] == [deed.id for deed in file.trail(2, "a/x", before=4)]
    assert [7, 6, 5, 4, 3, 2, 1] == [deed.id for deed in file.trail(9)]
    assert {2: batch.deeds[1], 7: batch.deeds[6]} == file.deeds([7, 2, 99])
    file.close()
