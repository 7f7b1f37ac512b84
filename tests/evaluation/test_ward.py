"""The ward: quarantines are known over restarts, and follow settings and code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.evaluation.outcome import Maker
from gateway.evaluation.quarantine import FATAL_IN_A_ROW, FIRST_MS, PATIENCE_MS
from gateway.evaluation.queue import Queue
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.ward import Ward
from tests.evaluation.at_work import loaded, plugin

NOW_MS = 1_795_600_000_000
A = plugin("a")
MAKER = Maker(loaded("a"), "f1")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(tmp_path)
    yield queue
    queue.close()


def shut_out(queue: Queue) -> Ward:
    """Make a ward with one that has just been shut out."""
    ward = Ward(queue)
    ward.loaded(A, MAKER, NOW_MS)
    for _ in range(FATAL_IN_A_ROW):
        ward.ran("a", "error", "crash", "Traceback", NOW_MS)
    return ward


def test_it_is_known_after_a_restart(queue: Queue) -> None:
    """The same code and settings are as suspicious as before."""
    shut_out(queue)
    later = Ward(queue)
    later.loaded(A, MAKER, NOW_MS)

    assert "open" == later.phase("a", NOW_MS)


@pytest.mark.parametrize(
    ("changed", "maker"),
    [
        (plugin("a", params='{"x":1}'), MAKER),
        (A, Maker(loaded("a", code_hash="d"), "f2")),
        (plugin("a", wall_s=9.0), MAKER),
    ],
)
def test_changed_settings_or_code_are_let_in_at_once(queue: Queue, changed: object, maker: Maker) -> None:
    """Also a longer timeout is a change; and the queue's file says so."""
    ward = shut_out(queue)
    ward.loaded(changed, maker, NOW_MS)  # type: ignore[arg-type]

    assert "closed" == ward.phase("a", NOW_MS)
    assert {} == queue.quarantines()


def test_what_cannot_be_loaded_stays_what_it_was(queue: Queue) -> None:
    """A module that is missing for a while does not wipe out what its evaluator did."""
    ward = shut_out(queue)
    ward.could_not_load(A, "import", None, NOW_MS + 1)

    assert "open" == ward.phase("a", NOW_MS + FIRST_MS - 1)
    assert "probe" == ward.phase("a", NOW_MS + FIRST_MS)


def test_evaluators_that_config_names_no_more_are_forgotten(queue: Queue) -> None:
    """No gauge shows what nobody uses."""
    ward = shut_out(queue)
    ward.keep_only(["b"])

    assert {} == queue.quarantines()
    assert "closed" == ward.phase("a", NOW_MS)


def test_it_is_given_up_after_a_day(queue: Queue) -> None:
    """Counted from the first time in a row that it was shut out."""
    ward = shut_out(queue)

    assert [] == ward.given_up(["a", "b"], NOW_MS + PATIENCE_MS)
    assert ["a"] == ward.given_up(["a", "b"], NOW_MS + PATIENCE_MS + 1)


def test_what_was_loaded_is_written_down(queue: Queue, tmp_path: Path) -> None:
    """A series of scores can be read years later: what made it stands in the queue's file."""
    Ward(queue).loaded(A, MAKER, NOW_MS)

    (one,) = QueueReader(tmp_path).definitions()
    assert ("f1", "a") == (one.fingerprint, one.loaded.evaluator)
