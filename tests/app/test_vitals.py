"""A worker shows how late its loop was, and how much memory it takes."""

import time
from pathlib import Path

from gateway.app import vitals
from gateway.app.vitals import Vitals
from gateway.metrics.board import LOOP_LAG_US, MEMORY_BYTES, Board


def test_the_latest_of_the_last_beats_is_shown(tmp_path: Path) -> None:
    """A beat that comes late stays visible for ten seconds, then it is forgotten."""
    slot = Board(tmp_path / "board").claim(0)
    shown = Vitals(slot, 5.0)  # looks back on two beats
    shown._due_s = time.monotonic() - 0.25
    shown.beat()
    late = slot.get(LOOP_LAG_US)
    for _ in range(2):
        shown.beat()

    assert 250_000 <= late < 1_000_000
    assert 0 == slot.get(LOOP_LAG_US)


def test_memory_is_that_of_this_process(tmp_path: Path) -> None:
    """Where the system tells it."""
    slot = Board(tmp_path / "board").claim(0)
    Vitals(slot, 0.5).beat()

    assert vitals._STATM.exists() == (slot.get(MEMORY_BYTES) > 1 << 20)
