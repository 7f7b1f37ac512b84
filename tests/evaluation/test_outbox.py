"""Outbox: frames that are on the disk when `write` says so."""

import os
from pathlib import Path

import pytest

from gateway.core.score import Evaluation, Score
from gateway.evaluation.outbox import MOST_BYTES, Outbox
from tests.evaluation.at_work import evaluations


def one(number: int, **more: object) -> Evaluation:
    """Make an evaluation."""
    facts = {"created_at": "2026-11-25T10:00:00Z", "team": "search", "exchange": "x", **more}
    return Evaluation(id=f"e{number}", **facts)  # type: ignore[arg-type]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """In order, in segments that the recorder reads like a worker's."""
    outbox = Outbox(tmp_path, "process")
    assert outbox.write([one(1), one(2)])
    assert outbox.write([one(3)])

    (path,) = tmp_path.glob("evaluator-*.seg")
    assert ["e1", "e2", "e3"] == [each.id for each in evaluations(path)]
    outbox.close()


def test_power_cut_takes_nothing_that_was_said_to_be_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`durability = "power"`: the disk has it before the task leaves the queue; a disk that fails is told."""
    synced: list[int] = []
    sync = os.fdatasync
    outbox = Outbox(tmp_path, "power")
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(sync(fd) or fd))

    assert outbox.write([one(1)])
    assert synced

    def fails(_: int) -> None:
        raise OSError("the disk says no")

    monkeypatch.setattr(os, "fdatasync", fails)
    assert not outbox.write([one(2)])
    monkeypatch.undo()
    outbox.close()


def test_full_disk_is_told_and_later_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written again does no harm."""
    outbox = Outbox(tmp_path, "process")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert not outbox.write([one(1), one(2)])
    assert outbox.write([one(1), one(2)])

    (path,) = tmp_path.glob("*.seg")
    assert ["e1", "e2"] == [each.id for each in evaluations(path)]
    outbox.close()


def test_what_no_frame_can_hold_is_an_error_instead(tmp_path: Path) -> None:
    """Else it would be tried for ever."""
    outbox = Outbox(tmp_path, "process")
    text = Score(name="a", type="text", text="x" * (MOST_BYTES + 1))
    assert outbox.write([one(1, scores=[text])])

    (path,) = tmp_path.glob("*.seg")
    (found,) = evaluations(path)
    assert ("error", "contract", []) == (found.result, found.reason, found.scores)
    outbox.close()
