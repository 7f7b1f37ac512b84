"""Ends of tasks on their way: first into the journal, and only then out of the queue, some at a time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.core.score import Evaluation
from gateway.evaluation.crew import Crew
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.queue import Queue
from gateway.evaluation.task import Done, Task

MOST: Final = 500
WAIT_S: Final = 0.05
AGAIN_S: Final = 1.0  # until a journal that could not be written to is tried again

log = logging.getLogger("tollway.evaluator")


class Ends:
    """`written` is called when some have left the queue, so that there is room for others; `failed` with what cannot
    be borne.

    Between journal and queue lies the one moment at which a crash makes a task be done twice: its id is the same, and
    the store keeps what was told first.
    """

    def __init__(
        self, queue: Queue, outbox: Outbox, written: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._queue = queue
        self._outbox = outbox
        self._written = written
        self._failed = failed
        self._evaluations: list[Evaluation] = []
        self._done: list[Done] = []
        self._crews: list[Crew] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_dropped = False

    def add(self, crew: Crew | None, task: Task, evaluation: Evaluation) -> None:
        """Note an end. `crew`: who had the task in hand."""
        if self._is_dropped:
            return
        scores, cost = len(evaluation.scores), evaluation.judge_cost_nano_usd
        self._evaluations.append(evaluation)
        self._done.append(Done(task, evaluation.result, evaluation.reason, scores, cost))
        if crew is not None:
            self._crews.append(crew)
        if len(self._done) == MOST:
            self._in(0.0)
        elif self._timer is None:
            self._in(WAIT_S)

    def flush(self) -> None:
        """Write down what there is; what cannot be written is tried again."""
        self._stop_timer()
        if not self._done:
            return
        if not self._outbox.write(self._evaluations):
            log.error("scores cannot be written to the journal, trying again; look at its disk")
            self._in(AGAIN_S)
            return
        self._queue.finish(self._done)
        for crew in self._crews:
            crew.unfinished -= 1
        self._evaluations, self._done, self._crews = [], [], []

    def close(self) -> None:
        """Try a last time; what is not written down stays in the queue."""
        self.flush()
        self._stop_timer()

    def drop(self) -> None:
        """Write no more, whatever comes: those tasks are done again."""
        self._stop_timer()
        self._is_dropped = True

    def _in(self, delay_s: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        try:
            self.flush()
            self._written()
        except Exception as error:  # nobody else would hear of it
            self._failed(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
