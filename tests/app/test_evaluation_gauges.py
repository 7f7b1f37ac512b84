"""Gauges of evaluation: the process, what waits, who is shut out, how far exchanges came."""

import time
from pathlib import Path

from gateway.app.evaluation_gauges import MOST_REASONS, OTHER, EvaluationGauges
from gateway.evaluation import quarantine
from gateway.evaluation.quarantine import Quarantine
from gateway.evaluation.queue import Queue
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.task import Admitted, Done
from gateway.metrics import board, catalogue
from gateway.metrics.board import Board
from gateway.policies.evaluating import Evaluating, Plugin, Rule
from tests.evaluation.at_work import sampled_of
from tests.records import new_id

ON = Evaluating({"a": Plugin("a", "a"), "b": Plugin("b", "b")}, {"search": (Rule(team="search", evaluator="a"),)})


def gauges(folder: Path, evaluating: Evaluating = ON) -> EvaluationGauges:
    """Make them over a folder."""
    return EvaluationGauges(Board(folder / "board"), QueueReader(folder), lambda: evaluating)


def test_without_an_evaluator_in_use_there_is_nothing(tmp_path: Path) -> None:
    """No series, so that no alert calls for a process that nobody wants."""
    assert {} == gauges(tmp_path, Evaluating()).samples()


def test_process_is_up_while_its_heart_beats(tmp_path: Path) -> None:
    """What a dead one showed of its memory is not shown any more."""
    row = Board(tmp_path / "board").slot(board.EVALUATOR)
    row.set(board.MEMORY_BYTES, 4096)
    dead = gauges(tmp_path).samples()
    row.set(board.HEARTBEAT_MS, time.time_ns() // 1_000_000)
    alive = gauges(tmp_path).samples()

    assert ([((), 0.0)], []) == (dead[catalogue.EVALUATOR_UP], dead[catalogue.EVALUATOR_MEMORY])
    assert ([((), 1.0)], [((), 4096)]) == (alive[catalogue.EVALUATOR_UP], alive[catalogue.EVALUATOR_MEMORY])


def test_queue_tells_what_waits_and_who_is_shut_out(tmp_path: Path) -> None:
    """Of all evaluators in config: 0 is a value, too; the reader tells the funnel as it stands in the file."""
    queue = Queue(tmp_path, lambda: 1_795_600_000.5)
    queue.admit(Admitted({}, [sampled_of("a", new_id())], {}, {("a", "seen", ""): 3}), backlog=9)
    queue.finish([Done(task, "ok", None, 1) for task in queue.due(1, 0, ())])
    queue.set_quarantine("b", quarantine.encode(Quarantine(openings=1, since_ms=1, until_ms=2)))
    queue.admit(Admitted({}, [sampled_of("a", new_id())], {}, {}), backlog=9)
    samples = gauges(tmp_path).samples()
    queue.close()

    assert [(("a",), 1), (("b",), 0)] == samples[catalogue.EVAL_QUEUE]
    assert [(("a",), 0.0), (("b",), 1.0)] == samples[catalogue.EVAL_QUARANTINED]
    assert {("a", "seen", ""): 3, ("a", "queued", ""): 2, ("a", "run", ""): 1, ("a", "ok", ""): 1} == dict(
        samples[catalogue.EVAL_FUNNEL]
    )
    assert [(("a",), 1_795_600_000.5), (("b",), 0.0)] == samples[catalogue.EVAL_LAST_SUCCESS]


def test_reasons_that_plugins_invent_are_bounded(tmp_path: Path) -> None:
    """Beyond the bound they count under one name, and nothing is lost."""
    queue = Queue(tmp_path)
    funnel = {("a", "skipped", f"reason_{number:03}"): 2 for number in range(MOST_REASONS + 5)}
    queue.admit(Admitted({}, [], {}, funnel), backlog=9)
    shown = dict(gauges(tmp_path).samples()[catalogue.EVAL_FUNNEL])
    queue.close()

    assert MOST_REASONS + 1 == len(shown)
    assert 10 == shown["a", "skipped", OTHER]
