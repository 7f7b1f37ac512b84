"""Numbers of running workers are seen by other processes at once, and counters never fall."""

import multiprocessing
from pathlib import Path

import pytest

from gateway.metrics.board import ACCEPTED, CONNECTIONS, ENDED, JOURNAL_LOST, RECORDER, ROWS, STARTS, Board


def _work(path: Path) -> None:
    slot = Board(path).claim(3)
    slot.add(CONNECTIONS)
    slot.add(CONNECTIONS, 2)
    slot.add(CONNECTIONS, -1)
    slot.add(JOURNAL_LOST, 5)


def test_other_processes_see_it(tmp_path: Path) -> None:
    """What a worker writes is there for the recorder, also after the worker died."""
    board = Board(tmp_path / "board")
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(tmp_path / "board",))
    worker.start()
    worker.join()

    assert (2, 5) == (board.slot(3).get(CONNECTIONS), board.slot(3).get(JOURNAL_LOST))
    assert 0 == board.slot(2).get(CONNECTIONS)


def test_respawn_clears_gauges_and_keeps_counters(tmp_path: Path) -> None:
    """A new process in the slot has no connections, and what was lost stays counted."""
    slot = Board(tmp_path / "board").claim(0)
    slot.add(CONNECTIONS, 7)
    slot.add(JOURNAL_LOST)
    again = Board(tmp_path / "board").claim(0)

    assert (0, 1, 2) == (again.get(CONNECTIONS), again.get(JOURNAL_LOST), again.get(STARTS))


def test_what_ran_in_a_dead_process_runs_no_more(tmp_path: Path) -> None:
    """Whoever takes the row over begins with nothing under way, and what was accepted stays counted."""
    slot = Board(tmp_path / "board").claim(0)
    slot.add(ACCEPTED, 7)
    slot.add(ENDED, 4)
    again = Board(tmp_path / "board").claim(0)

    assert (7, 7) == (again.get(ACCEPTED), again.get(ENDED))


def test_rows_do_not_touch(tmp_path: Path) -> None:
    """The last row is as much a row as the first."""
    board = Board(tmp_path / "board")
    board.slot(RECORDER).add(JOURNAL_LOST, 9)

    assert [0, 9] == [board.slot(index).get(JOURNAL_LOST) for index in (RECORDER - 1, RECORDER)]


@pytest.mark.parametrize("index", [-1, ROWS])
def test_there_is_no_other_row(tmp_path: Path, index: int) -> None:
    """A row beyond the file is a mistake, not somebody else's memory."""
    with pytest.raises(ValueError, match="is not within"):
        Board(tmp_path / "board").slot(index)
