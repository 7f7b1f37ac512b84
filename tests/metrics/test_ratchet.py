"""What one process has shown the next one goes on from, however the first one ended."""

from pathlib import Path

import pytest

from gateway.metrics.debts import TotalKey
from gateway.metrics.ratchet import Ratchet

ONE: TotalKey = ("tollway_store_errors", ("commit",), "")
TWO: TotalKey = ("tollway_ledger_commits", (), "")


def test_the_next_process_goes_on(tmp_path: Path) -> None:
    """Also with what only the one before had counted."""
    path = tmp_path / "counters.json"
    first = Ratchet(path)
    first.shown({ONE: 1})
    assert {ONE: 2, TWO: 7} == first.shown({ONE: 2, TWO: 7})
    second = Ratchet(path)

    assert {ONE: 5, TWO: 7} == second.shown({ONE: 3})
    assert {ONE: 5, TWO: 7} == Ratchet(path).shown({})


def test_what_was_not_shown_is_not_kept(tmp_path: Path) -> None:
    """A process that is killed takes along what nobody saw; a file that is not changed is not written."""
    path = tmp_path / "counters.json"
    Ratchet(path).shown({})

    assert not path.exists()


def test_without_room_counters_stand_still(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What could not be written down is not shown, so that nothing falls later."""
    folder = tmp_path / "data"
    folder.mkdir()
    ratchet = Ratchet(folder / "counters.json")
    ratchet.shown({ONE: 1})
    folder.rename(tmp_path / "away")
    assert {ONE: 1, TWO: 0} == ratchet.shown({ONE: 5, TWO: 9})
    (tmp_path / "away").rename(folder)

    assert {ONE: 6, TWO: 9} == ratchet.shown({ONE: 6, TWO: 9})
    assert "cannot be written" not in caplog.text
    assert "stand still" in caplog.text


def test_a_damaged_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They begin at 0, which Prometheus takes for what it is."""
    (tmp_path / "counters.json").write_bytes(b"[[")

    assert {ONE: 1} == Ratchet(tmp_path / "counters.json").shown({ONE: 1})
    assert "begin at 0" in caplog.text
