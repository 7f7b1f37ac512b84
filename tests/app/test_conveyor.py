"""What is in the journal gets into the store once, soon, and leaves the journal only then."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from gateway.app import conveyor as conveyor_module
from gateway.app.conveyor import Complaints, Conveyor
from gateway.core.record import Job, Record, decode, encode
from gateway.core.score import encode as encode_evaluation
from gateway.core.usage import Usage
from gateway.journal.frame import BEGIN, SCORE
from gateway.journal.reader import Finished, Reader
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store.bodies import unpack
from gateway.store.interface import Committed, StoreBusy
from gateway.store.jobs import CHECK_MS, LAPSE_MS, Jobs, Told
from gateway.store.reader import StoreReader
from gateway.store.schema import SELECT_CONTENTS
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, begun, record, write
from tests.scores import evaluation


def book(one: Record, told: Told, state: str) -> None:
    """Book a cost of one for each token."""
    one.usage = told.usage
    one.usage_source = "provider" if state == "booked" else "estimated"
    one.cost_nano_usd = told.usage.input_total
    one.job = Job(id=one.job.id if one.job else "", state=state)


def ask(at_ms: int = NOON_MS) -> Record:
    """Make an exchange that asked for work."""
    job = Job(id="job-1", usage=Usage(input_total=5))
    return record(at_ms, usage=None, usage_source="none", cost_nano_usd=0, endpoint="responses", job=job)


def fetch(tokens: int = 100) -> Record:
    """Make an exchange that saw the work's end."""
    job = Job(id="job-1", state="seen", usage=Usage(input_total=tokens))
    return record(usage=None, usage_source="none", cost_nano_usd=0, endpoint="responses", job=job)


class Line:
    """Journal, conveyor and store of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "journal", "worker-0")
        self.store = SqliteStore(folder / "store", Tally().count)
        self.reader = Reader(folder / "journal", self.store.watermarks())
        self.complaints = Complaints()
        self.settled: list[Finished] = []
        self.alarms: list[int] = []  # how many exchanges were looked at, and stored by then
        self.deaf = False
        self.now_s = NOON_MS / 1000
        self.jobs = Jobs(folder / "store", book, lambda: self.now_s)
        self.conveyor = Conveyor(
            self.reader, self.store, settle=self._settle, jobs=self.jobs, complaints=self.complaints, alarm=self._alarm
        )

    def _settle(self, finished: Finished) -> Finished:
        self.settled.append(finished)
        return finished

    def _alarm(self, batch: Sequence[Finished]) -> None:
        self.alarms += [len(batch), self.rows()]
        if self.deaf:
            raise TimeoutError

    def restart(self) -> None:
        """Go on as a new recorder: the journals are as they were, and are read by the rules of a first look."""
        self.reader.close()
        self.jobs.close()
        self.store.close()
        self.store = SqliteStore(self.folder / "store", Tally().count)
        self.reader = Reader(self.folder / "journal", self.store.watermarks())
        self.jobs = Jobs(self.folder / "store", book, lambda: self.now_s)
        self.conveyor = Conveyor(
            self.reader, self.store, settle=self._settle, jobs=self.jobs, complaints=self.complaints
        )

    def stored(self, one: Record) -> tuple[Record, bytes]:
        """Return an exchange as it is stored, and its request."""
        for path in (self.folder / "store").glob("????-??-??.db"):
            with contextlib.closing(sqlite3.connect(path)) as sql:
                for _, meta, *packed in sql.execute(SELECT_CONTENTS, (UUID(one.id).bytes,)):
                    request, _ = unpack(tuple(packed))  # type: ignore[arg-type]
                    return decode(meta), request[0][1] if request else b""
        raise AssertionError(f"{one.id} is not stored")

    def rows(self) -> int:
        """Count what is stored."""
        total = 0
        for path in (self.folder / "store").glob("????-??-??.db"):
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


def test_cost_that_becomes_known_later_is_booked_where_it_was_asked_for(line: Line) -> None:
    """In a later turn, by whoever fetches it; the rows that fetched stay free."""
    asked, fetched, again = ask(), fetch(), fetch(700)
    write(line.journal, asked, b"ask")
    line.conveyor.turn()
    assert (1, 0, "open") == (line.conveyor.jobs_open(), *_booked(line, asked))
    write(line.journal, fetched)
    write(line.journal, again)
    line.conveyor.turn()

    assert (0, 100, "booked") == (line.conveyor.jobs_open(), *_booked(line, asked))
    assert b"ask" == line.stored(asked)[1]
    assert [(0, "seen")] * 2 == [_booked(line, fetched), _booked(line, again)]
    assert (3, 1) == (line.conveyor.counts()["applied"], line.conveyor.counts()["amended"])
    assert 0.0 == line.conveyor.lag_s()


def _booked(line: Line, one: Record) -> tuple[int, str]:
    stored, _ = line.stored(one)
    return stored.cost_nano_usd, stored.job.state if stored.job else ""


def test_amendment_waits_for_the_end_of_a_backlog(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash who fetched may be read before who asked: an amendment would then stand alone, without bodies."""
    other = Journal(line.folder / "journal", "worker-1")
    asked = ask()
    write(other, asked, b"ask")

    def dies(*_: object) -> None:
        raise StoreBusy("killed here")

    monkeypatch.setattr(line.store, "commit", dies)
    line.conveyor.turn(thorough=True)
    monkeypatch.undo()
    write(line.journal, fetch())
    line.restart()
    monkeypatch.setattr(conveyor_module, "POLL_BYTES", 1)
    line.conveyor.turn(thorough=True)
    assert 1 == line.rows()
    monkeypatch.undo()
    line.conveyor.turn(thorough=True)
    other.close()

    assert (100, "booked") == _booked(line, asked)
    assert b"ask" == line.stored(asked)[1]


@pytest.mark.parametrize("again", [1, 2])
def test_death_between_the_two_commits_books_once(line: Line, monkeypatch: pytest.MonkeyPatch, again: int) -> None:
    """The jobs' file knows, the store does not: the next recorder tells it, as often as it dies there."""
    asked = ask()
    write(line.journal, asked)
    line.conveyor.turn()
    write(line.journal, fetch())

    def dies(*_: object) -> None:
        raise StoreBusy("killed here")

    for _ in range(again):
        monkeypatch.setattr(line.store, "commit", dies)
        line.conveyor.turn(thorough=True)
        monkeypatch.undo()
        assert (0, "open") == _booked(line, asked)
        line.restart()
    line.conveyor.turn(thorough=True)

    assert (100, "booked") == _booked(line, asked)
    assert 1 == line.store.totals()["tollway_jobs", ("booked",), ""]


def test_what_nobody_fetches_lapses_by_the_clock(line: Line) -> None:
    """A turn that reads nothing new books it all the same, but none that left something unread."""
    asked = ask()
    write(line.journal, asked)
    line.conveyor.turn()
    line.now_s += LAPSE_MS / 1000
    line.conveyor.turn()

    assert (5, "lapsed") == _booked(line, asked)
    assert "estimated" == line.stored(asked)[0].usage_source


def test_an_answer_that_lies_unread_is_not_too_late(line: Line) -> None:
    """The recorder was away for longer than the work had."""
    asked = ask()
    write(line.journal, asked)
    line.conveyor.turn()
    write(line.journal, fetch())
    line.now_s += 2 * LAPSE_MS / 1000
    line.restart()
    line.conveyor.turn(thorough=True)

    assert (100, "booked") == _booked(line, asked)


def test_a_jobs_file_that_cannot_be_used_keeps_the_batch(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the store: it is lag, and is tried again."""
    take = line.jobs.take

    def busy(_: object) -> None:
        raise StoreBusy("locked")

    monkeypatch.setattr(line.jobs, "take", busy)
    asked = ask()
    write(line.journal, asked)
    assert conveyor_module.RETRY_S == line.conveyor.turn()
    assert (0, 1) == (line.rows(), line.complaints.counts["jobs"])
    monkeypatch.setattr(line.jobs, "take", take)
    line.conveyor.turn()

    assert (0, "open") == _booked(line, asked)


def test_what_was_booked_is_forgotten_as_owed_after_a_sync(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own accord after a minute, if nothing else asks for a sync."""
    monkeypatch.setattr(conveyor_module, "TIDY_S", 0.0)
    syncs: list[float] = []
    sync = line.store.sync
    monkeypatch.setattr(line.store, "sync", lambda: syncs.append(line.now_s) or sync())
    write(line.journal, ask())
    write(line.journal, fetch())
    line.conveyor.turn()
    line.conveyor.turn()
    assert [] == syncs
    line.now_s += CHECK_MS / 1000
    line.conveyor.turn()
    line.conveyor.turn()

    assert [line.now_s] == syncs
    line.restart()
    assert [] == line.jobs.due()


def test_alarms_are_raised_before_anything_is_stored(line: Line) -> None:
    """A batch whose alarm was not heard is kept, and looked at again: none is missed, whenever the recorder dies."""
    line.deaf = True
    write(line.journal, record())
    line.conveyor.turn()
    assert (0, 1) == (line.rows(), line.complaints.counts["alarm"])
    assert line.conveyor.is_stuck
    line.deaf = False
    line.conveyor.turn()

    assert 1 == line.rows()
    assert [1, 0, 1, 0] == line.alarms


def test_evaluations_alone_are_a_batch(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait while the store takes nothing, and their segment with them; then they are there, once."""
    one = evaluation(record().id)
    line.journal.append(SCORE, encode_evaluation(one))
    line.journal.close()

    def refuse(*_: object) -> Committed:
        raise StoreBusy("locked")

    with monkeypatch.context() as patch:
        patch.setattr(line.store, "commit", refuse)
        line.conveyor.turn(thorough=True)
        assert (True, False) == (line.conveyor.is_stuck, line.conveyor.is_clear)
        line.conveyor.turn(thorough=True)
    assert [*line.folder.glob("journal/*.seg")]
    line.conveyor.turn(thorough=True)
    line.conveyor.finish()

    assert line.conveyor.is_clear
    assert [] == [*line.folder.glob("journal/*.seg")]
    line.restart()
    found = asyncio.run(StoreReader(line.folder / "store").scores_of([one.exchange]))
    assert {one.exchange: [one]} == found
