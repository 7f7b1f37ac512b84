"""One process of a lane and the jobs in its hands: what it may say now, which limit holds, and who is to blame."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.evaluation.process import Ended, PluginProcess
from gateway.evaluation.protocol import DETAIL_BYTES, Asking, Begun, Garbled, Job, Loaded, Told, ToParent

# Behind the process's own soft limit and the operator's: what is here late because we were late is no timeout.
GRACE_S: Final = 0.5
# Between a job's arrival and its first evaluator only our own code runs: it reads the bodies.
READING_S: Final = 30.0
# Evaluators may take what they declare besides what Python and their code need. The process holds itself to that, and
# gets a MemoryError; what it cannot count, shared memory for instance, we do.
MOST_BASE_BYTES: Final = 512 << 20
SLACK_BYTES: Final = 16 << 20
RESULTS: Final = ("ok", "skipped", "error", "retry")
REASON_CHARS: Final = 64
MOST_US: Final = 86_400_000_000  # a day


class Order:
    """A job on its way through processes. `left`: evaluators that have not said anything yet."""

    def __init__(self, job: Job, done: asyncio.Future[list[Told]]) -> None:
        self.job = job
        self.done = done
        self.left = list(job.evaluators)
        self.deaths = 0  # of processes that had it in hand while none of its evaluators ran
        self._told: list[Told] = []

    @property
    def is_over(self) -> bool:
        """Whether every evaluator has spoken, or nobody waits for it any more."""
        return not self.left or self.done.done()

    def settle(self, told: Told) -> None:
        """Take an evaluator's last word; with the last one the job is done."""
        self.left.remove(told.evaluator)
        self._told.append(told)
        if not self.left and not self.done.done():
            self.done.set_result(self._told)

    def fail(self, evaluator: str, result: str, reason: str, detail: str | None) -> None:
        """Say in an evaluator's place why it said nothing."""
        told = Told(number=self.job.number, evaluator=evaluator, result=result, reason=reason, detail=detail)
        self.settle(told)

    def fail_all(self, result: str, reason: str, detail: str | None) -> None:
        """The same for all that are left."""
        for evaluator in list(self.left):
            self.fail(evaluator, result, reason, detail)


class Member:
    """A process that is ready. `asked` answers its judge's questions, `freed` is called when it has done a job."""

    def __init__(
        self,
        process: PluginProcess,
        loaded: dict[str, Loaded],
        asked: Callable[["Member", Asking], None],
        freed: Callable[[], None],
    ) -> None:
        self.process = process
        self.orders: deque[Order] = deque()
        self.running: str | None = None
        self.jobs = 0
        self.ahead_bytes = 0
        self.is_leaving = False
        self._loaded = loaded
        self._memory_bytes = max((each.memory_mb for each in loaded.values()), default=0) << 20
        self._base_bytes = min(process.memory_bytes(), MOST_BASE_BYTES)
        self._asked = asked
        self._freed = freed
        self._questions = 0
        self._deadline_s = 0.0
        self._is_overdue = False
        self._taken_bytes = 0
        self._waited_s = 0.0
        self._now_s = asyncio.get_running_loop().time

    def give(self, order: Order) -> None:
        """Hand it a job; raise ValueError if that is too large to be sent."""
        job = order.job
        left = Job(
            number=job.number,
            evaluators=order.left,
            unit=job.unit,
            kept=job.kept,
            session=job.session,
            feedback=job.feedback,
        )
        self.ahead_bytes += self.process.send(left)
        self.orders.append(order)
        if len(self.orders) == 1:
            self._await(READING_S)

    def hear(self, message: ToParent) -> None:
        """Take what it says; raise Garbled if that is not its turn."""
        if isinstance(message, Begun):
            self._begin(message)
        elif isinstance(message, Told):
            self._end(message)
        elif isinstance(message, Asking):
            self._ask(message)
        else:
            raise Garbled(f"a {type(message).__name__} out of turn")

    def is_running(self, number: int, evaluator: str) -> bool:
        """Whether it is this evaluator that runs, on this job."""
        return bool(self.orders) and self.orders[0].job.number == number and self.running == evaluator

    def check(self, now_s: float) -> Ended | None:
        """Say whether it must end now, and why. Called every TICK_S: a limit is passed only if it was so twice."""
        waited_s = self.process.waited_s()
        self._deadline_s += waited_s - self._waited_s  # for a processor: nobody's fault
        self._waited_s = waited_s
        self._taken_bytes = self.process.memory_bytes() - self._base_bytes
        if self._taken_bytes > self._memory_bytes + SLACK_BYTES:
            return Ended("oom", f"it took {self._taken_bytes >> 20} MiB; {self._memory_bytes >> 20} MiB are allowed")
        was_overdue, self._is_overdue = self._is_overdue, bool(self.orders) and now_s > self._deadline_s
        if not (was_overdue and self._is_overdue):
            return None
        if self.running is None:
            return Ended("timeout", f"nothing was heard of it for {READING_S:g} s")
        return Ended("timeout", f"it ran longer than {self._loaded[self.running].wall_s:g} s, and could not be stopped")

    def fills(self, share: float) -> bool:
        """Whether it used more than a share of the memory that it may when it was checked last."""
        return self._taken_bytes > share * self._memory_bytes

    def _begin(self, begun: Begun) -> None:
        if self.running is not None or not self.orders:
            raise Garbled(f"{begun.evaluator} begun out of turn")
        order = self.orders[0]
        if order.job.number != begun.number or order.left[0] != begun.evaluator:
            raise Garbled(f"{begun.evaluator} begun out of turn")
        self.running = begun.evaluator
        self._questions = 0
        self._await(self._loaded[begun.evaluator].wall_s + GRACE_S)

    def _end(self, told: Told) -> None:
        if not self.is_running(told.number, told.evaluator):
            raise Garbled(f"{told.evaluator} told out of turn")
        if told.result not in RESULTS or (told.given and told.result != "ok"):
            raise Garbled(f"{told.evaluator} told {told.result[:REASON_CHARS]!r}")
        told.reason = told.reason and told.reason[:REASON_CHARS]
        told.detail = told.detail and told.detail[:DETAIL_BYTES]
        told.prompt_version = told.prompt_version and told.prompt_version[:REASON_CHARS]
        told.duration_us = min(max(0, told.duration_us), MOST_US)
        order = self.orders[0]
        self.running = None
        order.settle(told)
        if not order.left:
            self.orders.popleft()
            self.jobs += 1
            if not self.orders:
                self.ahead_bytes = 0
            self._freed()
        self._await(READING_S)

    def _ask(self, asking: Asking) -> None:
        if not self.is_running(asking.number, asking.evaluator):
            raise Garbled(f"{asking.evaluator} asked out of turn")
        self._questions += 1
        if self._questions > self._loaded[asking.evaluator].max_judge_calls:
            raise Garbled(f"{asking.evaluator} asked more often than it may")
        self._asked(self, asking)

    def _await(self, seconds: float) -> None:
        self._deadline_s = self._now_s() + seconds
        self._is_overdue = False
