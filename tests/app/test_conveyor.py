"""What is in the journal gets into the store once, soon, and leaves the journal only then."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import conveyor as conveyor_module
from gateway.app.conveyor import Complaints, Conveyor
from gateway.core.record import encode
from gateway.journal.frame import BEGIN
from gateway.journal.reader import Finished, Reader
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store.interface import StoreBusy
from gateway.store.jobs import Jobs
from gateway.store.sqlite import SqliteStore
from tests.records import begun, record, unbooked, write


class Line:
    """Journal, conveyor and store of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "journal", "worker-0")
        self.store = SqliteStore(folder / "store", Tally().count)
        self.reader = Reader(folder / "journal", self.store.watermarks())
        self.complaints = Complaints()
        self.settled: list[Finished] = []
        self.jobs = Jobs(folder / "store", unbooked)
        self.conveyor = Conveyor(
            self.reader, self.store, settle=self._settle, jobs=self.jobs, complaints=self.complaints
        )

    def _settle(self, finished: Finished) -> Finished:
        self.settled.append(finished)
        return finished

    def rows(self) -> int:
        """Count what is stored."""
        total = 0
        for path in (self.folder / "store").glob("*.db"):
            with contextlib.closing(sqlite3.connect(path)) as sql:
                total += sql.execute("SELECT count(*) FROM exchanges").fetchone()[0]
        return total

    def close(self) -> None:
        """Let go of everything."""
        self.journal.close()
        self.reader.close()
        self.store.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line in an empty folder."""
    line = Line(tmp_path)
    yield line
    line.close()


def test_a_turn_writes_all_that_is_new(line: Line) -> None:
    """What the journal holds when a turn begins is in the store when it ends."""
    for _ in range(3):
        write(line.journal, record())
    line.conveyor.turn()

    assert 3 == line.conveyor.counts()["applied"] == line.rows()
    assert 0.0 == line.conveyor.lag_s()


def test_turns_rest_unless_more_is_there(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn takes a bounded part of a backlog, and the next one follows at once; else exchanges wait for company."""
    monkeypatch.setattr(conveyor_module, "POLL_BYTES", 10_000)
    for _ in range(3):
        write(line.journal, record(), b"x" * 8_000)

    assert 0.0 == line.conveyor.turn()
    assert conveyor_module.POLL_S == max(line.conveyor.turn() for _ in range(3))
    assert 3 == line.conveyor.counts()["applied"]


def test_lag_shows_as_long_as_a_backlog_does(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two turns nothing is in hand, but what stands unread in the journal is late all the same."""
    monkeypatch.setattr(conveyor_module, "POLL_BYTES", 500_000)
    for _ in range(20):
        write(line.journal, record(), b"x" * 64_000)
    line.conveyor.turn()

    assert line.conveyor.lag_s() > 0
    while line.conveyor.turn() == 0.0:
        pass
    assert 0.0 == line.conveyor.lag_s()


def test_busy_store_keeps_the_batch_and_stops_reading(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store says no, memory does not grow: what is not read stays in the journal. Then nothing is lost."""
    total = 1_000
    commit = line.store.commit

    def busy(*_: object) -> None:
        raise StoreBusy("locked")

    monkeypatch.setattr(line.store, "commit", busy)
    monkeypatch.setattr(conveyor_module, "POLL_BYTES", 100_000)
    for _ in range(total):
        write(line.journal, record())
    for _ in range(20):
        line.conveyor.turn(thorough=True)
    assert len(line.conveyor._batch) < total
    assert line.conveyor.pending_bytes > 0
    assert 20 >= line.complaints.counts["commit"] > 0
    monkeypatch.setattr(line.store, "commit", commit)
    while not line.conveyor.is_empty():
        line.conveyor.turn(thorough=True)

    assert total == line.conveyor.counts()["applied"] == line.rows()


def test_unreadable_journal_is_not_an_empty_one(line: Line) -> None:
    """A turn that could not read has not come to the end: a drain must not take it for one."""
    folder = line.folder / "journal" / "worker-1-00000000000000000001-000000.seg"
    folder.mkdir()

    assert conveyor_module.RETRY_S == line.conveyor.turn(thorough=True)
    assert not line.conveyor.is_empty()
    assert 1 == line.complaints.counts["read"]


def test_segment_is_deleted_only_after_the_store_synced(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the store says that all is on the disk the journal is the only safe copy."""
    synced = [False]
    monkeypatch.setattr(line.store, "sync", lambda: synced[0])
    write(line.journal, record())
    line.journal.close()
    line.conveyor.turn(thorough=True)
    line.conveyor.finish()
    assert 1 == len(list((line.folder / "journal").glob("*.seg")))
    synced[0] = True
    line.conveyor.finish()

    assert [] == list((line.folder / "journal").glob("*.seg"))


def test_exchanges_of_dead_workers_are_settled(line: Line) -> None:
    """Only those: what a worker finished itself is never touched."""
    write(line.journal, record())
    one = begun()
    line.journal.append(BEGIN, encode(one))
    line.journal.close()
    line.conveyor.turn(thorough=True)

    assert [one.id] == [settled.record.id for settled in line.settled]
    assert (2, 1) == (line.conveyor.counts()["applied"], line.conveyor.counts()["dead"])


def test_replay_after_a_crash_counts_once(line: Line) -> None:
    """A new conveyor over the same journal and store finds everything there already."""
    for _ in range(5):
        write(line.journal, record())
    line.conveyor.turn(thorough=True)
    again = Conveyor(
        Reader(line.folder / "journal"), line.store, settle=lambda one: one, jobs=line.jobs, complaints=Complaints()
    )
    again.turn(thorough=True)

    assert (0, 5) == (again.counts()["applied"], again.counts()["duplicate"])
    assert 5 == line.rows()


def test_complaints_are_counted_all_and_logged_few(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is locked for minutes is a number that grows, and a line now and then."""
    complaints = Complaints()
    for _ in range(100):
        complaints.add("commit", StoreBusy("locked"))
        complaints.say_once("left alone")

    assert 100 == complaints.counts["commit"]
    assert 2 == len(caplog.records)
