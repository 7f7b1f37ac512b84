"""How does evaluation stand, as samples for a scrape? From the evaluator's row of the board, and from its queue."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from gateway.evaluation import quarantine
from gateway.evaluation.queue import QueueRefused
from gateway.evaluation.queue_reader import QueueReader
from gateway.metrics import board, catalogue
from gateway.metrics.board import FRESH_MS, Board
from gateway.metrics.debts import TotalKey
from gateway.metrics.render import Samples
from gateway.policies.evaluating import Evaluating

# Plugins invent reasons; so many of a step are told apart.
MOST_REASONS = 20
OTHER = "other"


class EvaluationGauges:
    """Gives the samples; nothing where no team uses an evaluator. `evaluating`: of the config in force."""

    def __init__(self, shared: Board, reader: QueueReader, evaluating: Callable[[], Evaluating]) -> None:
        self._slot = shared.slot(board.EVALUATOR)
        self._supervisor = shared.slot(board.SUPERVISOR)
        self._reader = reader
        self._evaluating = evaluating

    def samples(self) -> Samples:
        """Gather them; looks at a file."""
        evaluating = self._evaluating()
        return {**self._of_process(), **self._of_queue(list(evaluating.plugins))} if evaluating.is_on else {}

    def counters(self) -> Mapping[TotalKey, int]:
        """Give none: what is counted stands in the queue's file, over restarts."""
        return {}

    def _of_process(self) -> Samples:
        slot = self._slot
        is_up = time.time() * 1000 - slot.get(board.HEARTBEAT_MS) < FRESH_MS
        memory_bytes = slot.get(board.MEMORY_BYTES) if is_up else 0
        return {
            catalogue.EVALUATOR_UP: [((), float(is_up))],
            catalogue.EVALUATOR_MEMORY: [((), memory_bytes)] if memory_bytes else [],
            catalogue.EVALUATOR_RESTARTS: [((), self._supervisor.get(board.EVALUATOR_DIED))],
        }

    def _of_queue(self, names: list[str]) -> Samples:
        try:
            waiting, funnel, states = self._reader.waiting(), self._reader.funnel(), self._reader.quarantines()
            last_ok = self._reader.last_ok()
        except (sqlite3.Error, QueueRefused):
            return {}  # it is being made, or another release wrote it: the evaluator says so
        shut_out = {name for name, state in states.items() if quarantine.decode(state).openings}
        return {
            catalogue.EVAL_QUEUE: [((name,), waiting.get(name, 0)) for name in names],
            catalogue.EVAL_QUARANTINED: [((name,), float(name in shut_out)) for name in names],
            catalogue.EVAL_LAST_SUCCESS: [((name,), last_ok.get(name, 0) / 1000) for name in names],
            catalogue.EVAL_FUNNEL: list(_bounded(funnel).items()),
        }


def _bounded(funnel: Mapping[tuple[str, str, str], int]) -> dict[tuple[str, ...], int]:
    """Fold reasons beyond the bound into one."""
    told_apart: defaultdict[tuple[str, str], int] = defaultdict(int)
    bounded: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for (name, step, reason), count in sorted(funnel.items()):
        told_apart[name, step] += 1
        bounded[name, step, reason if told_apart[name, step] <= MOST_REASONS else OTHER] += count
    return dict(bounded)
