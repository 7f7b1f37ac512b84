"""A backfill is ordered by whoever can write the file, and ended by them, too."""

from pathlib import Path

import pytest

from gateway.evaluation.queue import Queue
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.runs import NoEvaluator, Run, cancel, order, order_pair
from gateway.evaluation.task import Admitted, RunStep
from gateway.policies.evaluating import Always, Stratum
from tests.evaluation.looking import rule
from tests.records import NOON_MS, new_id

RULE = rule(strata=(Stratum(0.5, model=("gpt-*",)),), always=(Always("cost_usd", 5.0),), only=Stratum(1.0))


def test_order_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The whole rule, so that it is worked off as it was when it was ordered."""
    queue = Queue(tmp_path)
    run = order(tmp_path, RULE, 10, 20, 30)
    queue.admit(Admitted({}, [], {}, {}, step=RunStep(run, "2026-11-23", 7, is_done=False)), backlog=1)

    assert [Run(id=run, rule=RULE, since_ms=10, until_ms=20, day="2026-11-23", seq=7, created_ms=30)] == queue.runs()
    assert queue.runs() == QueueReader(tmp_path).runs()
    queue.close()


def test_pair_is_ordered_as_a_run(tmp_path: Path) -> None:
    """Of the instant in which its first exchange began."""
    queue = Queue(tmp_path)
    one, other = new_id(), new_id()
    run = order_pair(tmp_path, RULE, one, other, 30)

    assert [Run(id=run, rule=RULE, since_ms=NOON_MS, until_ms=NOON_MS, created_ms=30, pair=f"{one}|{other}")] == (
        queue.runs()
    )
    queue.close()


def test_cancelled_run_stays_so(tmp_path: Path) -> None:
    """Also if a step of it comes later; a run ends once."""
    queue = Queue(tmp_path)
    run = order(tmp_path, RULE, 10, 20, 30)

    assert cancel(tmp_path, run)
    assert not cancel(tmp_path, run)
    queue.admit(Admitted({}, [], {}, {}, step=RunStep(run, "2026-11-23", 7, is_done=True)), backlog=1)
    assert ["cancelled"] == [each.state for each in queue.runs()]
    queue.close()


def test_without_an_evaluator_it_says_what_to_do(tmp_path: Path) -> None:
    """Nobody would work it off."""
    with pytest.raises(NoEvaluator, match="tollway serve"):
        order(tmp_path, RULE, 10, 20, 30)
