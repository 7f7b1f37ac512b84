"""What is done next, by whom, and what follows from how it went: from the queue, through a lane, into the journal."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.core.clock import Stamps
from gateway.core.score import Evaluation
from gateway.evaluation import outcome
from gateway.evaluation.crew import Crew
from gateway.evaluation.lane import Lane
from gateway.evaluation.lanes import Share
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.outcome import Judged, Maker, Outcome
from gateway.evaluation.protocol import Answered, Asking, Job, Kept, Told
from gateway.evaluation.quarantine import PATIENCE_MS
from gateway.evaluation.queue import Queue
from gateway.evaluation.retrying import delay_ms
from gateway.evaluation.roster import Roster
from gateway.evaluation.task import Done, Sampled, Task
from gateway.evaluation.ward import Ward
from gateway.policies.evaluating import Evaluating

BATCH: Final = 500  # tasks that are fetched, or whose ends are written down, in one go
FLUSH_S: Final = 0.05
AGAIN_S: Final = 1.0  # until a journal that could not be written to is tried again

log = logging.getLogger("tollway.evaluator")


# Answers a judge's call about something of a team; never raises.
Judge = Callable[[Asking, str], Awaitable[Answered]]
# What the log holds of a target, the first of them; the others are looked at soon after it.
Look = Callable[[Sequence[Sampled]], Found]


@dataclass(slots=True)
class _Ends:
    """Ends of tasks that are not written down yet."""

    evaluations: list[Evaluation] = field(default_factory=list)
    done: list[tuple[Crew | None, Done]] = field(default_factory=list)


class Scheduler:
    """`feed` it whenever something may be due; `failure` is set by a mistake of ours, after which nothing goes on."""

    def __init__(
        self,
        queue: Queue,
        outbox: Outbox,
        *,
        look: Look,
        judge: Judge,
        lane: Callable[..., Lane] = Lane,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue = queue
        self._outbox = outbox
        self._look = look
        self._judge = judge
        self._lane = lane
        self._clock = clock
        self._draw = draw
        self._ward = Ward(queue)
        self.roster = Roster(self._hire, self._take, self._ward, self._now_ms)
        self._stamps = Stamps()
        self._numbers = itertools.count(1)
        self._jobs: dict[tuple[int, str], Task] = {}  # that run now, by number and evaluator
        self._judged: dict[int, Judged] = {}  # by task
        self._aside: dict[str, list[Task]] = {}  # in hand, of evaluators that nobody works for now
        self._probing: set[str] = set()
        self._slots = _Slots(1)
        self._ends = _Ends()
        self._flusher: asyncio.TimerHandle | None = None

    async def follow(self, evaluating: Evaluating) -> None:
        """Take a config over."""
        self._slots = _Slots(evaluating.workers)
        await self.roster.follow(evaluating)
        self.feed()

    def feed(self) -> None:
        """Take what is due from the queue, as far as there is room in hand."""
        now_ms = self._now_ms()
        self.roster.renew_unloaded(now_ms)
        self._give_up(now_ms)
        ready, probes = self._who_may(now_ms)
        for name in [*ready, *probes]:
            if name in self._aside:
                self._take(self._aside.pop(name))
        known = set(self.roster.names_in_use())
        self._take(self._queue.due(BATCH, now_ms, known - ready))
        for name in probes - self._probing:
            self._take(self._queue.due(1, now_ms, known - {name}))

    async def end(self) -> None:
        """Let what runs come to its end, within bounds, and write down what has ended; the rest stays queued."""
        await self.roster.end()
        self._flush()
        if self._flusher is not None:
            self._flusher.cancel()

    # --- who ------------------------------------------------------------------------------------------------------

    def _hire(self, share: Share) -> Crew:
        lane = self._lane(share.plugins, processes=share.processes, ask=self._ask)
        return Crew(share, lane, self._work, self._fail)

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    def _who_may(self, now_ms: int) -> tuple[set[str], set[str]]:
        """Name the evaluators that may be given tasks, and those that may be given one to try."""
        ready: set[str] = set()
        probes: set[str] = set()
        for name in self.roster.names_in_use():
            crew = self.roster.crew_of(name)
            if crew is None or name not in crew.makers:
                continue
            phase = self._ward.phase(name, now_ms)
            if phase == "probe":
                probes.add(name)
            elif phase == "closed" and not crew.is_full:
                ready.add(name)
        return ready, probes

    def _take(self, tasks: Iterable[Task]) -> None:
        """Hand tasks to those who do them; aside with what nobody can do now."""
        now_ms = self._now_ms()
        in_use = set(self.roster.names_in_use())
        for task in tasks:
            name = task.sampled.evaluator
            crew = self.roster.crew_of(name)
            if name not in in_use:
                self._end(None, task, outcome.nameless(name), outcome.NOT_IN_USE)
            elif crew is None or name not in crew.makers or not self._admits(name, now_ms):
                self._aside.setdefault(name, []).append(task)
            else:
                crew.take([task])

    def _admits(self, name: str, now_ms: int) -> bool:
        phase = self._ward.phase(name, now_ms)
        if phase != "probe":
            return phase == "closed"
        if name in self._probing:
            return False
        self._probing.add(name)
        return True

    def _give_up(self, now_ms: int) -> None:
        """Skip what has waited too long for an evaluator in quarantine."""
        for name in self._ward.given_up(self.roster.names_in_use(), now_ms):
            crew = self.roster.crew_of(name)
            maker = (crew.makers.get(name) if crew else None) or outcome.nameless(name)
            for task in self._queue.overdue(name, now_ms - PATIENCE_MS, BATCH):
                self._end(None, task, maker, outcome.QUARANTINED)

    # --- one target -----------------------------------------------------------------------------------------------

    async def _work(self, crew: Crew, tasks: list[Task]) -> None:
        """Do tasks of one target."""
        tasks = self._still_wanted(crew, tasks)
        if not tasks:
            return
        async with self._slots.of(crew):
            found = await self._look(tasks[0].sampled)
            tasks = self._that_can_be_done(crew, tasks, found)
            told = await self._run(crew, tasks, found) if tasks else []
        said = outcome.by_evaluator(told)
        for task in tasks:
            self._settle(crew, task, said.get(task.sampled.evaluator) or _silent(task))

    def _still_wanted(self, crew: Crew, tasks: list[Task]) -> list[Task]:
        """Put aside what is of evaluators that were shut out since it was taken."""
        now_ms = self._now_ms()
        wanted = []
        for task in tasks:
            name = task.sampled.evaluator
            if self._ward.phase(name, now_ms) == "closed" or name in self._probing:
                wanted.append(task)
            else:
                crew.unfinished -= 1
                self._aside.setdefault(name, []).append(task)
        return wanted

    def _that_can_be_done(self, crew: Crew, tasks: list[Task], found: Found) -> list[Task]:
        """Skip what needs what is not there."""
        has_content = any(kept.request is not None or kept.response is not None for kept in found.kept)
        missing = outcome.GONE if found.has_gone or not found.kept else outcome.NO_CONTENT
        doable = []
        for task in tasks:
            maker = crew.makers[task.sampled.evaluator]
            if not found.kept or (maker.loaded.content and not has_content):
                self._probing.discard(task.sampled.evaluator)
                self._end(crew, task, maker, missing)
            else:
                doable.append(task)
        return doable

    async def _run(self, crew: Crew, tasks: list[Task], found: Found) -> list[Told]:
        number = next(self._numbers)
        running = {(number, task.sampled.evaluator): task for task in tasks}
        self._jobs |= running
        try:
            return await crew.lane.run(
                Job(
                    number=number,
                    evaluators=[task.sampled.evaluator for task in tasks],
                    unit=tasks[0].sampled.target_type,
                    kept=found.kept,
                    session=found.session,
                    feedback=dict(found.feedback),
                )
            )
        finally:
            for each in running:
                del self._jobs[each]

    async def _ask(self, asking: Asking) -> Answered:
        """Have the judge asked, and note what that cost whom."""
        task = self._jobs.get((asking.number, asking.evaluator))
        if task is None:
            return Answered(number=asking.number, call=asking.call, failure="error", reason="no_such_job")
        answered = await self._judge(asking, task.sampled)
        judged = self._judged.setdefault(task.number, Judged())
        judged.cost_nano_usd += answered.cost_nano_usd
        if answered.exchange is not None:
            judged.exchanges.append(answered.exchange)
        return answered

    # --- what came of it ------------------------------------------------------------------------------------------

    def _settle(self, crew: Crew, task: Task, told: Told) -> None:
        """End a task, or let it be tried again."""
        now_ms = self._now_ms()
        name = task.sampled.evaluator
        maker = crew.makers[name]
        end = outcome.outcome_of(told, maker.loaded)
        wait_ms = delay_ms("retry" if told.result == "retry" else end.result, end.reason, task.attempts, self._draw())
        self._probing.discard(name)
        is_tried_again = told.result == "retry" and wait_ms is not None
        self._ward.ran(name, "retry" if is_tried_again else end.result, end.reason, end.detail, now_ms)
        if wait_ms is None:
            self._end(crew, task, maker, end)
            return
        crew.unfinished -= 1
        self._queue.retry(task, now_ms + wait_ms, end.reason or end.result)

    def _end(self, crew: Crew | None, task: Task, maker: Maker, end: Outcome) -> None:
        judged = self._judged.pop(task.number, None) or Judged()
        created_at = self._stamps.text(int(self._clock() * 1e9))
        self._ends.evaluations.append(outcome.evaluation_of(task, maker, end, created_at, judged))
        self._ends.done.append((crew, Done(task, end.result, end.reason, len(end.scores))))
        if len(self._ends.done) >= BATCH:
            self._flush_in(0.0)
        elif self._flusher is None:
            self._flush_in(FLUSH_S)

    def _flush_in(self, delay_s: float) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
        self._flusher = asyncio.get_running_loop().call_later(delay_s, self._flush)

    def _flush(self) -> None:
        """Write ends down; only then they leave the queue, so that none is lost, and one that comes twice is the same."""
        self._flusher = None
        ends = self._ends
        if not ends.done:
            return
        if not self._outbox.write(ends.evaluations):
            log.error("scores cannot be written to the journal, trying again; look at the disk")
            self._flush_in(AGAIN_S)
            return
        self._ends = _Ends()
        self._queue.finish([done for _, done in ends.done])
        for crew, _ in ends.done:
            if crew is not None:
                crew.unfinished -= 1
        self.feed()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class _Slots:
    """How many targets are looked at at once: `workers`, of which one is always left for the shipped evaluators."""

    def __init__(self, workers: int) -> None:
        self._all = asyncio.Semaphore(workers)
        self._others = asyncio.Semaphore(max(1, workers - 1))

    def of(self, crew: Crew) -> "_Turn":
        """Give the way in for a crew."""
        return _Turn([self._all] if crew.share.is_common else [self._others, self._all])


class _Turn:
    """Waits for all of some semaphores."""

    def __init__(self, semaphores: list[asyncio.Semaphore]) -> None:
        self._semaphores = semaphores

    async def __aenter__(self) -> None:
        taken: list[asyncio.Semaphore] = []
        try:
            for each in self._semaphores:
                await each.acquire()
                taken.append(each)
        except BaseException:
            for each in taken:
                each.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        for each in self._semaphores:
            each.release()


def _silent(task: Task) -> Told:
    return Told(number=0, evaluator=task.sampled.evaluator, result="error", reason="crash", detail="it said nothing")
