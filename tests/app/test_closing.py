"""Leases are closed once their worker is gone and all that it wrote is stored; not before, and not with too little."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.app import closing
from gateway.app.closing import Closer, LoopLedger
from gateway.app.conveyor import Complaints, Conveyor
from gateway.core.record import Hold, Record, encode
from gateway.journal.frame import BEGIN
from gateway.journal.reader import Reader
from gateway.journal.writer import Journal
from gateway.ledger.bars import Crossing
from gateway.ledger.holds import Held
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from gateway.ledger.view import look
from gateway.metrics.totals import Tally
from gateway.store.interface import StoreBusy
from gateway.store.jobs import Jobs
from gateway.store.sqlite import SqliteStore
from tests.http.uv import until
from tests.ledger.parts import held, holder, is_connected, on_disk, terms
from tests.records import Ledger, begun, record, unbooked, write

DAILY = ("search/daily", 0)
CROSSING = Crossing("openai/gpt-x", "e1", 1, 5, 4)


class Line:
    """A journal folder, a conveyor from it into a store, and who tells a ledger of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complaints = Complaints()
        self.ledger = Ledger()
        self.start()

    def start(self) -> None:
        """Begin as a recorder does."""
        self.store = SqliteStore(self.folder / "store", Tally().count)
        self.reader = Reader(self.folder / "journal", self.store.watermarks())
        self.conveyor = Conveyor(
            self.reader,
            self.store,
            settle=lambda one: one,
            jobs=Jobs(self.folder / "store", unbooked),
            complaints=self.complaints,
        )
        self.closer = Closer(self.reader, self.store, self.ledger, self.complaints.add)

    def stop(self) -> None:
        """End."""
        self.reader.close()
        self.store.close()

    def writer(self, **more: Any) -> Journal:
        """Start a worker's journal; its holder is not connected."""
        journal = Journal(self.folder / "journal", "worker-0", **more)
        self.ledger.absent |= {journal.name}
        return journal

    def turn(self) -> list[tuple[str, dict[tuple[str, int], int]]]:
        """Read and commit what there is, and return who was closed so far."""
        self.conveyor.turn(thorough=True)
        self.closer.look()
        return self.ledger.closed


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A recorder's thread, step by step."""
    line = Line(tmp_path)
    yield line
    line.stop()


def charged(journal: Journal, amount: int, late: int = 0) -> Record:
    """Write an exchange that was charged so much."""
    one = record(holder=journal.name, holds=[Hold(*DAILY, "usd", amount, charged=amount, late=late)])
    write(journal, one)
    return one


def test_a_writer_that_lives_is_not_closed(line: Line) -> None:
    """Whatever became of its connection; when it is gone it is, with what it was charged."""
    journal = line.writer()
    charged(journal, 5)
    assert [] == line.turn()
    charged(journal, 7)
    journal.close()

    assert [(journal.name, {DAILY: 12})] == line.turn()
    assert 1 == len(line.turn())


def test_the_next_segment_of_a_writer_keeps_it_alive(line: Line) -> None:
    """Its first one was read to the end, and is even gone."""
    journal = line.writer(segment_bytes=1)
    charged(journal, 5)
    journal.sync()
    for _ in range(3):
        assert [] == line.turn()
        line.conveyor.finish()
    assert [2] == [int(path.stem[-6:]) for path in (line.folder / "journal").glob("*.seg")]
    journal.close()

    assert [(journal.name, {DAILY: 5})] == line.turn()


def test_a_worker_that_came_in_between_is_not_taken_for_dead(line: Line) -> None:
    """Who may be gone is asked for before the look at the folder."""
    came: list[Journal] = []

    class Busy(Ledger):
        @property
        def absent(self) -> frozenset[str]:
            """In this moment a worker starts, connects, and loses its connection again."""
            came.append(Journal(line.folder / "journal", "worker-0"))
            return frozenset({came[-1].name})

        @absent.setter
        def absent(self, names: frozenset[str]) -> None:
            assert not names

    line.closer._ledger = Busy()
    line.closer.look()

    assert [] == line.closer._ledger.closed
    came[0].close()


def test_a_writer_whose_end_is_not_read_is_not_closed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes nothing now, so what it wrote last is not charged there."""
    journal = line.writer()
    charged(journal, 5)
    line.turn()
    charged(journal, 7)
    journal.close()

    def busy(*_: object) -> None:
        raise StoreBusy("locked")

    monkeypatch.setattr(line.store, "commit", busy)
    line.conveyor.turn(thorough=True)
    assert not line.conveyor.is_clear
    monkeypatch.undo()

    assert [(journal.name, {DAILY: 12})] == line.turn()


def test_a_segment_that_cannot_be_read_keeps_its_writer_charged(line: Line) -> None:
    """Nobody knows what stands there."""
    journal = line.writer()
    journal.close()
    (segment,) = (line.folder / "journal").glob("*.seg")
    segment.unlink()
    segment.mkdir()

    assert [] == line.turn()


def test_what_was_in_flight_is_charged_with_the_rest(line: Line) -> None:
    """An exchange whose worker died is stored before the worker is closed."""
    journal = line.writer()
    one = begun(holder=journal.name, holds=[Hold(*DAILY, "usd", 9, charged=9)])  # nobody settles it here
    journal.append(BEGIN, encode(one))
    journal.close()

    assert [(journal.name, {DAILY: 9})] == line.turn()


def test_who_never_wrote_anything_is_closed_with_nothing(line: Line) -> None:
    """It had money, and no segment is there any more, or ever was."""
    line.ledger.absent = frozenset({"worker-3-00000000000000000001"})

    assert [("worker-3-00000000000000000001", {})] == line.turn()


def test_the_next_recorder_closes_what_this_one_could_not(line: Line) -> None:
    """It was killed between the commit and the close, and the segments are gone by then."""
    journal = line.writer()
    charged(journal, 5)
    journal.close()
    line.conveyor.turn(thorough=True)
    line.conveyor.finish()
    assert [] == list((line.folder / "journal").glob("*.seg"))
    line.stop()
    line.start()

    assert [(journal.name, {DAILY: 5})] == line.turn()


def test_a_store_that_cannot_say_is_asked_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then the lease stays charged in full."""

    def busy(_: str) -> None:
        raise StoreBusy("locked")

    monkeypatch.setattr(line.store, "spent", busy)
    journal = line.writer()
    charged(journal, 5)
    journal.close()
    assert [] == line.turn()
    assert 1 == line.complaints.counts["charges"]
    monkeypatch.undo()

    assert [(journal.name, {DAILY: 5})] == line.turn()


def test_what_became_known_late_is_told_when_it_changes(line: Line) -> None:
    """Of a worker that lives, too; all of it after a restart. It is no part of what a holder spent."""
    journal = line.writer()
    charged(journal, 5)
    charged(journal, 9, late=-4)
    line.turn()
    line.turn()
    assert [{(journal.name, *DAILY): -4}] == line.ledger.told
    journal.close()
    assert [(journal.name, {DAILY: 14})] == line.turn()
    line.stop()
    line.start()
    line.turn()

    assert [{(journal.name, *DAILY): -4}] * 2 == line.ledger.told


async def test_who_is_here_again_is_not_closed(tmp_path: Path) -> None:
    """It came between the look and the word."""
    server = await Server.open(tmp_path)
    one = holder(tmp_path)
    await until(lambda: is_connected(one))
    assert isinstance(await held(one, (terms(), 5)), Held)
    told = LoopLedger(server)
    told.close(one.name, {DAILY: 5})
    await told.told()

    assert {one.name} == server.holders()
    one.stop()
    await server.stop()


async def test_another_thread_reaches_the_authority(tmp_path: Path) -> None:
    """What it tells is on the disk when that is waited for."""
    server = await Server.open(tmp_path)
    one = holder(tmp_path, name="w1")
    await until(lambda: is_connected(one))
    one._authority.close()
    one._sweeping.cancel()
    await until(lambda: server.absent)
    server.late("here", Place("x", 0), 1)
    told = LoopLedger(server)

    def tell() -> None:
        assert {"w1"} == told.absent
        told.late({("here", *DAILY): 3})
        told.close("w1", {DAILY: 5})

    await asyncio.to_thread(tell)
    await told.told()
    await until(lambda: server._commits.idle)

    balance = on_disk(tmp_path)[Place(*DAILY)]
    assert (5, {"here": 3}) == (balance.spent, balance.late)
    await server.stop()


async def test_a_crossed_bound_is_on_the_disk_before_another_thread_goes_on(tmp_path: Path) -> None:
    """So that it is known whatever happens next."""
    server = await Server.open(tmp_path)
    await asyncio.to_thread(LoopLedger(server).cross, [CROSSING])

    assert [CROSSING.model] == [bar.model for bar in look(tmp_path / "ledger.db").bars]
    await server.stop()


async def test_a_crossed_bound_that_cannot_be_written_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread does not wait for ever; the second word waits for what the first one began."""
    server = await Server.open(tmp_path)
    told = LoopLedger(server)
    monkeypatch.setattr(closing, "CROSSING_S", 0.05)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError):
            await asyncio.to_thread(told.cross, [CROSSING])
    monkeypatch.setattr(closing, "CROSSING_S", 10.0)
    await asyncio.to_thread(told.cross, [CROSSING])

    assert [CROSSING.model] == [bar.model for bar in look(tmp_path / "ledger.db").bars]
    assert 1 == len(await server.trail(9))
    await server.stop()
