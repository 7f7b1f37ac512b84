"""Group commit: nobody is told before it is on the disk, and what comes meanwhile goes together."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.ledger import commits as ledger_commits
from gateway.ledger import file as ledger_file
from gateway.ledger.commits import Commits
from gateway.ledger.file import Batch, LedgerFile
from gateway.ledger.lease import Books, Place
from tests.http.uv import on_uvloop, until
from tests.ledger.parts import on_disk


class Watched(LedgerFile):
    """A file that notes its commits; each waits for `go`, if that is not set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.go = threading.Event()
        self.go.set()
        self.begun = 0
        self.written: list[list[Place]] = []

    def write(self, batch: Batch) -> None:
        self.begun += 1
        self.go.wait()
        super().write(batch)
        self.written.append(batch.places)


@contextlib.asynccontextmanager
async def committing(folder: Path) -> AsyncIterator[tuple[Commits, Books, Watched]]:
    """Run a group commit over empty books."""
    file, books = Watched(folder / "ledger.db"), Books()
    commits = Commits(file, books, asyncio.get_running_loop())
    yield commits, books, file
    file.go.set()
    await commits.close()


def place(number: int) -> Place:
    """Make a place."""
    return Place(f"s{number}", 0)


@on_uvloop
async def test_whoever_waits_is_called_once_it_is_written(tmp_path: Path) -> None:
    """Not before."""
    async with committing(tmp_path) as (commits, books, file):
        told: list[int] = []
        file.go.clear()
        books.correct(place(1), 5)
        commits.after(lambda: told.append(len(file.written)))
        await until(lambda: file.begun)
        assert ([], False) == (told, commits.idle)
        file.go.set()
        await until(lambda: told)

        assert ([1], True) == (told, commits.idle)
    assert 5 == on_disk(tmp_path)[place(1)].corrected


@on_uvloop
async def test_what_comes_while_one_commit_runs_goes_into_the_next(tmp_path: Path) -> None:
    """However much that is; and in order."""
    async with committing(tmp_path) as (commits, books, file):
        told: list[int] = []
        file.go.clear()
        for number in range(100):
            books.correct(place(number), 5)
            commits.after(lambda number=number: told.append(number))  # type: ignore[misc]
            if not number:
                await until(lambda: file.begun)
        file.go.set()
        await until(lambda: len(told) == 100)

        assert list(range(100)) == told
        assert [1, 99] == [len(places) for places in file.written]


@on_uvloop
async def test_a_turn_of_the_loop_is_one_commit(tmp_path: Path) -> None:
    """What several holders asked for at once costs the disk as much as one."""
    async with committing(tmp_path) as (commits, books, file):
        for number in range(3):
            books.correct(place(number), 5)
            commits.soon()
        await commits.reached()

        assert 1 == commits.done == len(file.written)


@on_uvloop
async def test_nothing_to_write_is_no_commit(tmp_path: Path) -> None:
    """But what waits for a commit that runs is told after it."""
    async with committing(tmp_path) as (commits, books, file):
        commits.soon()
        await commits.reached()
        assert [] == file.written
        file.go.clear()
        books.correct(place(1), 5)
        commits.soon()
        await until(lambda: file.begun)
        told: list[int] = []
        commits.after(lambda: told.append(commits.done))
        file.go.set()
        await until(lambda: told)

        assert ([1], 1) == (told, len(file.written))


@on_uvloop
async def test_a_commit_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody hears of it before it succeeds; but people do, once in a while."""
    monkeypatch.setattr(ledger_file, "LOCK_WAIT_S", 0.01)
    monkeypatch.setattr(ledger_commits, "RETRY_S", 0.01)
    async with committing(tmp_path) as (commits, books, _):
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            books.correct(place(1), 5)
            told: list[int] = []
            commits.after(lambda: told.append(1))
            await until(lambda: commits.failed > 1)
            assert [] == told
        await until(lambda: told)

        assert 1 == commits.done
        assert 1 == caplog.text.count("the ledger cannot be written, nothing is granted meanwhile")


@on_uvloop
async def test_the_end_does_not_wait_for_a_broken_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did not take was told to nobody."""
    monkeypatch.setattr(ledger_commits, "PATIENCE_S", 0.05)
    told: list[int] = []
    async with committing(tmp_path) as (commits, books, file):
        books.correct(place(1), 5)
        commits.batch.leases.append((1, 2))  # a row that is none
        commits.after(lambda: told.append(1))
        await until(lambda: file.begun)
    await asyncio.sleep(0)

    assert [] == told
    assert {} == on_disk(tmp_path)


@on_uvloop
async def test_reading_and_writing_take_turns(tmp_path: Path) -> None:
    """A file is used by one thread; what cannot be read is the reader's error alone; who gave up is not told."""
    async with committing(tmp_path) as (commits, books, _):
        assert [] == await commits.read(lambda file: file.trail(5))
        with pytest.raises(sqlite3.OperationalError):
            await commits.read(lambda file: file._sql.execute("SELECT nonsense"))
        for given_up in (lambda file: file.trail(5), lambda file: file._sql.execute("SELECT nonsense")):
            reading = asyncio.create_task(commits.read(given_up))
            await asyncio.sleep(0)
            reading.cancel()
        books.correct(place(1), 5)
        waiting = asyncio.create_task(commits.reached())
        await asyncio.sleep(0)
        waiting.cancel()
        books.correct(place(2), 5)
        await commits.reached()

    assert {place(1), place(2)} == on_disk(tmp_path).keys()
