"""Every exchange that was accepted is somewhere: the books add up in every view, and in the end all is told."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.reckoning import CORRUPT, DIED, UNKNOWN, Quiet, Reckoning
from gateway.metrics import board
from gateway.metrics.board import Board, Slot


class Host:
    """A board with a worker that is this process, which is alive."""

    def __init__(self, folder: Path) -> None:
        self.board = Board(folder / "board")
        self.worker = self.begin(0)
        self.reckoning = Reckoning(self.board)

    def begin(self, index: int) -> Slot:
        """Have a worker take its row."""
        slot = self.board.claim(index)
        slot.set(board.PID, os.getpid())
        return slot

    def quiet(self, stored: int, *, running: int = 0, corrupt: int = 0) -> None:
        """Let an instant of quiet pass: three turns, and a heartbeat after the first."""
        for _ in range(3):
            self.reckoning.look(Quiet(stored, running, corrupt))
            self.worker.set(board.HEARTBEAT_MS, time.time_ns() // 1_000_000 + 1)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host on which nothing has happened."""
    return Host(tmp_path)


def test_on_its_way(host: Host) -> None:
    """Accepted 9, of them 2 run, 4 are stored; the other 3 have ended."""
    host.worker.add(board.ACCEPTED, 9)
    host.worker.add(board.ENDED, 7)
    books = host.reckoning.view(4)

    assert (9, 2, 4, 3, 0) == (*books[:4], sum(books.dropped.values()))


def test_what_a_dead_worker_was_at_does_not_run(host: Host) -> None:
    """It is on its way: the recorder finds what was begun in the journal."""
    host.worker.add(board.ACCEPTED, 3)
    host.worker.set(board.PID, 2**22 + 1)  # beyond what Linux gives

    assert (3, 0, 0, 3) == host.reckoning.view(0)[:4]


def test_what_is_missing_at_an_instant_of_quiet_is_lost(host: Host) -> None:
    """By whatever was met since the last one that can lose exchanges; and once."""
    host.quiet(0)
    host.worker.add(board.ACCEPTED, 2)
    host.worker.add(board.ENDED, 2)
    host.quiet(1)
    assert {UNKNOWN: 1, DIED: 0, CORRUPT: 0} == _found(host)
    host.begin(0)
    host.worker.add(board.ACCEPTED, 2)
    host.worker.add(board.ENDED, 2)
    host.quiet(1)
    assert {UNKNOWN: 1, DIED: 2, CORRUPT: 0} == _found(host)
    host.worker.add(board.ACCEPTED)
    host.worker.add(board.ENDED)
    host.quiet(1, corrupt=1)
    host.quiet(1, corrupt=1)

    assert {UNKNOWN: 1, DIED: 2, CORRUPT: 1} == _found(host)
    assert {UNKNOWN: 1, DIED: 2, CORRUPT: 1} == _found(host, Reckoning(host.board))
    assert (5, 0, 1, 0) == host.reckoning.view(1)[:4]


def _found(host: Host, reckoning: Reckoning | None = None) -> dict[str, int]:
    dropped = (reckoning or host.reckoning).view(1).dropped
    return {reason: dropped[reason] for reason in (UNKNOWN, DIED, CORRUPT)}


def test_nothing_is_called_lost_too_early(host: Host) -> None:
    """Not while a worker has not turned since, nor while anything begins or ends, nor what only lacks its end."""
    host.worker.add(board.ACCEPTED, 2)
    host.worker.add(board.ENDED, 2)
    for _ in range(5):
        host.reckoning.look(Quiet(0, 0, 0))  # its heart has not beaten: it may hold frames
    assert 2 == host.reckoning.view(0).spooled
    for _ in range(5):
        host.worker.set(board.HEARTBEAT_MS, time.time_ns() // 1_000_000 + 1)
        host.worker.add(board.ACCEPTED)
        host.worker.add(board.ENDED)
        host.reckoning.look(Quiet(0, 0, 0))
    assert 7 == host.reckoning.view(0).spooled
    host.quiet(0, running=7)  # seven whose end could not be written: they are rows once their worker is gone

    assert 0 == sum(host.reckoning.view(0).dropped.values())


def test_rows_older_than_the_board_were_accepted_once(host: Host) -> None:
    """A store or a journal from before counts on both sides, from then on."""
    assert (500, 0, 500, 0) == host.reckoning.view(500)[:4]
    host.worker.add(board.ACCEPTED)

    assert (501, 1, 500, 0) == Reckoning(host.board).view(500)[:4]


@given(st.lists(st.tuples(st.sampled_from(["accept", "end", "store", "lose", "die"]), st.integers(1, 5)), max_size=30))
def test_every_view_adds_up(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, also what should not, and accepted never falls."""
    with TemporaryDirectory() as folder:
        host, stored, before = Host(Path(folder)), 0, 0
        for step, count in steps:
            if step == "store":
                stored += count
            elif step == "die":
                host.worker = host.begin(0)
            else:
                cell = {"accept": board.ACCEPTED, "end": board.ENDED, "lose": board.DROPPED}[step]
                host.worker.add(cell, count)
            books = host.reckoning.view(stored)

            assert books.accepted == books.running + books.stored + books.spooled + sum(books.dropped.values())
            assert min(books.running, books.spooled) >= 0
            assert books.accepted >= before
            before = books.accepted
