"""Numbers of running workers are seen by other processes at once, and counters never fall."""

import multiprocessing
from pathlib import Path

import pytest

from gateway.metrics.board import IN_FLIGHT, JOURNAL_LOST, SLOTS, STARTS, Board


def _work(path: Path) -> None:
    slot = Board(path).claim(3)
    slot.add(IN_FLIGHT)
    slot.add(IN_FLIGHT, 2)
    slot.add(IN_FLIGHT, -1)
    slot.add(JOURNAL_LOST, 5)


def test_other_processes_see_it(tmp_path: Path) -> None:
    """What a worker writes is there for the recorder, also after the worker died."""
    board = Board(tmp_path / "board")
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(tmp_path / "board",))
    worker.start()
    worker.join()

    assert (2, 5) == (board.slot(3).get(IN_FLIGHT), board.slot(3).get(JOURNAL_LOST))
    assert 0 == board.slot(2).get(IN_FLIGHT)


def test_respawn_clears_gauges_and_keeps_counters(tmp_path: Path) -> None:
    """A new process in the slot has nothing in flight, and what was lost stays counted."""
    slot = Board(tmp_path / "board").claim(0)
    slot.add(IN_FLIGHT, 7)
    slot.add(JOURNAL_LOST)
    again = Board(tmp_path / "board").claim(0)

    assert (0, 1, 2) == (again.get(IN_FLIGHT), again.get(JOURNAL_LOST), again.get(STARTS))


@pytest.mark.parametrize("index", [-1, SLOTS])
def test_there_is_no_other_slot(tmp_path: Path, index: int) -> None:
    """A slot beyond the file is a mistake, not somebody else's memory."""
    with pytest.raises(ValueError, match="worker slot"):
        Board(tmp_path / "board").slot(index)
