"""What is done next, by whom, and what follows from how it went: from the queue, through a lane, into the journal."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from gateway.core.clock import Stamps
from gateway.evaluation import outcome
from gateway.evaluation.crew import Crew
from gateway.evaluation.ends import Ends
from gateway.evaluation.lane import Lane
from gateway.evaluation.lanes import Share
from gateway.evaluation.lookup import AT_ONCE, Found
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.outcome import Judged, Maker, Outcome
from gateway.evaluation.protocol import Answered, Asking, Job, Told
from gateway.evaluation.quarantine import FATAL, PATIENCE_MS
from gateway.evaluation.queue import Queue
from gateway.evaluation.retrying import delay_ms
from gateway.evaluation.roster import Roster
from gateway.evaluation.slots import Slots
from gateway.evaluation.task import Sampled, Task
from gateway.evaluation.ward import Ward
from gateway.policies.evaluating import Evaluating

BATCH: Final = 500  # tasks that are fetched in one go
CHANGED: Final = "changed"  # a lane's word: the code is not what it was when it was loaded

# Answers a judge's call about something of a team; never raises.
Judge = Callable[[Asking, str], Awaitable[Answered]]
# What the log holds of a target, the first of them; the others are looked at soon after it.
Look = Callable[[Sequence[Sampled]], Found]


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
    ) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue = queue
        self._look = look
        self._judge = judge
        self._lane = lane
        self._clock = clock
        self._draw = random.Random().random  # noqa: S311 - spreads retries
        self._ends = Ends(queue, outbox, self.feed, self._fail)
        self._ward = Ward(queue)
        self.roster = Roster(self._hire, self._take_back, self._ward, self._now_ms, self._fail)
        self._slots = Slots(1)
        self._stamps = Stamps()
        self._numbers = itertools.count(1)
        self._jobs: dict[tuple[int, str], Task] = {}  # that run now, by number and evaluator
        self._judged: dict[int, Judged] = {}  # by task
        self._aside: dict[str, list[Task]] = {}  # in hand, of evaluators that may not run now
        self._probing: set[str] = set()

    async def follow(self, evaluating: Evaluating) -> None:
        """Take a config over."""
        self._slots = Slots(evaluating.workers)
        await self.roster.follow(evaluating)
        self.feed()

    def feed(self) -> None:
        """Take what is due from the queue, as far as there is room in hand."""
        now_ms = self._now_ms()
        known = set(self.roster.names_in_use())
        self.roster.renew_unloaded(now_ms)
        self._give_up(known, now_ms)
        ready, probes = self._who_may(now_ms)
        for name in self._aside.keys() & (ready | probes) | self._aside.keys() - known:
            self._take(self._aside.pop(name))
        self._take(self._queue.due(BATCH, now_ms, known - ready))
        for name in probes - self._probing:
            self._take(self._queue.due(1, now_ms, known - {name}))

    async def end(self) -> None:
        """Let what runs come to its end, within bounds, and write down what has ended; the rest stays queued."""
        await self.roster.end()
        self._ends.close()

    async def abandon(self) -> None:
        """End all processes without writing anything down: what was in hand is done again by the next one."""
        self._ends.drop()
        await self.roster.end()

    def at_work(self, now_ms: int) -> list[str]:
        """Name the evaluators that are loaded and not in quarantine."""
        return [name for name in self.roster.makers() if self._ward.phase(name, now_ms) == "closed"]

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

    def _take_back(self, tasks: list[Task]) -> None:
        """Hand on what was in hand when its lane ended: a probe that was among it has told nothing."""
        self._probing -= {task.sampled.evaluator for task in tasks}
        self._take(tasks)

    def _admits(self, name: str, now_ms: int) -> bool:
        phase = self._ward.phase(name, now_ms)
        if phase != "probe":
            return phase == "closed"
        if name in self._probing:
            return False
        self._probing.add(name)
        return True

    def _give_up(self, known: set[str], now_ms: int) -> None:
        """Skip what has waited too long for an evaluator in quarantine: in the queue, however old its exchange is."""
        for name in self._ward.given_up(known, now_ms):
            if not self._aside.get(name):
                self._take(self._queue.due(BATCH, now_ms, known - {name}))
            crew = self.roster.crew_of(name)
            maker = (crew.makers.get(name) if crew else None) or outcome.nameless(name)
            waiting = self._aside.pop(name, [])
            for task in waiting:
                if now_ms - task.queued_ms > PATIENCE_MS:
                    self._end(None, task, maker, outcome.QUARANTINED)
                else:
                    self._aside.setdefault(name, []).append(task)

    # --- one target -----------------------------------------------------------------------------------------------

    async def _work(self, crew: Crew, turn: list[list[Task]]) -> None:
        """Do the tasks of some targets, at once: what a process is given ahead, it need not wait for."""
        async with self._slots.taken(is_common=crew.share.is_common):
            targets = [tasks[0].sampled for tasks in turn]
            if len(turn) > 1 and all(each.target_type == "exchange" for each in targets):
                await asyncio.gather(*(self._target(crew, tasks, targets[at + 1 :]) for at, tasks in enumerate(turn)))
                return
            for tasks in turn:  # conversations may be large: one of them is in memory, not all of a turn
                await self._target(crew, tasks, [])

    async def _target(self, crew: Crew, tasks: list[Task], more: list[Sampled]) -> None:
        """Do tasks of one target; `more` are looked at at the same time. Who is done with leaves `tasks`."""
        tasks[:] = self._still_wanted(crew, tasks)
        if not tasks:
            return
        found = self._look([tasks[0].sampled, *more, *crew.ahead(AT_ONCE)])
        tasks[:] = self._that_can_be_done(crew, tasks, found)
        if not tasks:
            return
        said = outcome.by_evaluator(await self._run(crew, tasks, found))
        for task in tasks:
            self._settle(crew, task, said.get(task.sampled.evaluator) or _silent(task))
        tasks.clear()

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
        has_content = found.has_content
        doable = []
        for task in tasks:
            maker = crew.makers[task.sampled.evaluator]
            if maker.loaded.unit != task.sampled.target_type:
                why = outcome.OTHER_UNIT
            elif not found.kept or (maker.loaded.content and not has_content):
                why = found.missing
            else:
                doable.append(task)
                continue
            self._probing.discard(task.sampled.evaluator)
            self._end(crew, task, maker, why)
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
        # Before the answer, which may come when the task has ended: nobody would take it out again.
        judged = self._judged.setdefault(task.number, Judged())
        answered = await self._judge(asking, task.sampled.team)
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
        result = "retry" if told.result == "retry" else end.result
        wait_ms = delay_ms(result, end.reason, task.attempts, self._draw())
        self._probing.discard(name)
        crew.went(well=end.reason not in FATAL)
        if told.reason == CHANGED:
            self.roster.renew(crew)
        self._ward.ran(name, end.result if wait_ms is None else result, end.reason, end.detail, now_ms)
        if wait_ms is None:
            self._end(crew, task, maker, end)
            return
        crew.unfinished -= 1
        self._queue.retry(task, now_ms + wait_ms, end.reason or end.result)

    def _end(self, crew: Crew | None, task: Task, maker: Maker, end: Outcome) -> None:
        judged = self._judged.pop(task.number, None) or Judged()
        created_at = self._stamps.text(int(self._clock() * 1e9))
        self._ends.add(crew, task, outcome.evaluation_of(task, maker, end, created_at, judged))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _silent(task: Task) -> Told:
    return Told(number=0, evaluator=task.sampled.evaluator, result="error", reason="crash", detail="it said nothing")
