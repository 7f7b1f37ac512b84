"""Some evaluators in plugin processes of their own: hand them jobs, and end what does not behave."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from math import inf
from typing import Any, Final, NamedTuple

from gateway.evaluation.greeting import greet
from gateway.evaluation.member import Member, Order
from gateway.evaluation.protocol import Answered, Asking, Job, Loaded, Measure, Told
from gateway.policies.evaluating import Plugin

# Answers for a judge's call; it never raises, failures are told in the answer.
Ask = Callable[[Asking], Awaitable[Answered]]

# Jobs in the hands of a process, so that it need not wait for us. Where a judge is asked, one: what would wait behind
# a slow answer may be done by another process.
DEPTH: Final = 16
AHEAD_BYTES: Final = 1 << 20  # with so much in its hands it gets no more
TICK_S: Final = 0.1  # between two looks at processes that work
RESTING_TICK_S: Final = 1.0  # at those that have nothing to do
JOBS: Final = 50_000  # then a process is replaced: who leaks, leaks slowly
FULL: Final = 0.8  # so it is when it uses so much of the memory that it may
DEATHS: Final = 2  # of processes that read a job, before any evaluator began: a third one does not try


class _Failure(NamedTuple):
    """What is told in the place of an evaluator that cannot be used."""

    result: str
    reason: str
    detail: str


class Lane:
    """Up to `processes` processes that hold the same evaluators. Evaluators of one lane share a fate only in so far as
    a process that dies is begun anew: the one that was running is charged, the others' work is done again.

    `capacity`: so many `run` at once keep it busy. `measures`: the isolation that is in force, once it has loaded.
    """

    def __init__(self, plugins: Sequence[Plugin], *, processes: int, ask: Ask) -> None:
        self.capacity = processes
        self.measures: list[Measure] = []
        self._plugins = {plugin.name: plugin for plugin in plugins}
        self._processes = processes
        self._depth = 1
        self._ask = ask
        self._loaded: dict[str, Loaded] = {}
        self._unusable: dict[str, _Failure] = {}
        self._waiting: deque[Order] = deque()
        self._members: list[Member] = []
        self._joining = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._burials: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._tick_s = inf  # which of the two it is; none: `inf`
        self._is_closed = False

    async def load(self) -> list[Loaded]:
        """Start a process and let it load everything; what cannot be loaded says so in its `problem`. Never raises."""
        loaded = await self._join(self._plugins.values())
        self._loaded = {name: each for name, each in loaded.items() if each.problem is None}
        self._depth = 1 if any(each.judge for each in self._loaded.values()) else DEPTH
        self.capacity = self._processes * self._depth
        return [loaded[name] for name in self._plugins]

    async def run(self, job: Job) -> list[Told]:
        """Run each evaluator of a job, and wait for a free process before that. Never raises: timeout, crash, oom and
        the like are told as errors of the evaluator that was running."""
        order = Order(job, asyncio.get_running_loop().create_future())
        self._waiting.append(order)
        self._pump()
        return await order.done

    async def close(self) -> None:
        """End all processes, and whatever they have started."""
        self._is_closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        members, self._members = self._members, []
        for member in members:
            member.process.gone = _nothing
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._burials, return_exceptions=True)
        await asyncio.gather(*(member.process.end(at_once=bool(member.orders)) for member in members))
        for order in [*self._waiting, *(order for member in members for order in member.orders)]:
            order.fail_all("retry", "closed", None)
        self._waiting.clear()

    # --- jobs to processes ------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Give what waits to who has room; have one process more if all are busy."""
        while self._waiting and not self._is_closed:
            order = self._waiting[0]
            self._leave_out_unusable(order)
            if order.is_over:
                self._waiting.popleft()
                continue
            member = min(filter(self._has_room, self._members), key=lambda each: len(each.orders), default=None)
            if member is None or member.orders:
                self._have_one_more()
            if member is None:
                return
            self._waiting.popleft()
            try:
                member.give(order)
            except ValueError as error:
                order.fail_all("skipped", "too_large", str(error))
            self._tick_later()

    def _leave_out_unusable(self, order: Order) -> None:
        for name in list(order.left):
            if name in self._unusable:
                order.fail(name, *self._unusable[name])
            elif name not in self._loaded:
                order.fail(name, "error", "load", "this lane does not hold it")

    def _has_room(self, member: Member) -> bool:
        if member.is_leaving:
            return False
        return not member.orders or (len(member.orders) < self._depth and member.ahead_bytes < AHEAD_BYTES)

    # --- processes come ---------------------------------------------------------------------------------------------

    def _have_one_more(self) -> None:
        if len(self._members) + self._joining < self._processes:
            self._joining += 1
            self._do(self._join_again(), "a plugin process comes")

    async def _join_again(self) -> None:
        """Start a process later. Who is not what it was at `load` must not give scores under the name of that."""
        try:
            loaded = await self._join(self._plugins[name] for name in self._loaded if name not in self._unusable)
        finally:
            self._joining -= 1
        for name, each in loaded.items():
            if each.problem is None and each != self._loaded[name]:
                self._unusable[name] = _Failure("retry", "changed", "its code is not the one that was loaded first")
        self._pump()

    async def _join(self, plugins: Iterable[Plugin]) -> dict[str, Loaded]:
        greeting = await greet(list(plugins))
        if greeting.measures:
            self.measures = greeting.measures
        if greeting.failure is not None:
            for order in self._waiting:
                order.fail_all("retry", "no_process", greeting.failure)
        else:
            problems = {name: each.problem for name, each in greeting.loaded.items() if each.problem is not None}
            self._unusable |= {name: _Failure("error", "load", problem) for name, problem in problems.items()}
        if (process := greeting.process) is not None:
            member = Member(process, greeting.loaded, self._asked, self._pump)
            process.heard = member.hear
            process.gone = lambda: self._part(member, at_once=process.is_condemned)
            self._members.append(member)
            if process.is_gone:
                process.gone()
        return greeting.loaded

    # --- processes go -----------------------------------------------------------------------------------------------

    def _tick_later(self) -> None:
        """Look after the processes again: all lanes at the same instants, so that they wake the evaluator once."""
        tick_s = TICK_S if any(member.orders for member in self._members) else RESTING_TICK_S
        if not self._members or self._is_closed or tick_s >= self._tick_s:
            return
        if self._ticker is not None:
            self._ticker.cancel()
        loop = asyncio.get_running_loop()
        self._tick_s = tick_s
        self._ticker = loop.call_at((loop.time() // tick_s + 1) * tick_s, self._tick)

    def _tick(self) -> None:
        """Look after the processes."""
        self._tick_s = inf
        now_s = asyncio.get_running_loop().time()
        for member in list(self._members):
            if (ended := member.check(now_s)) is not None:
                member.process.condemn(*ended)
                self._part(member, at_once=True)
                continue
            member.is_leaving = member.is_leaving or member.jobs >= JOBS or member.fills(FULL)
            if member.is_leaving and not member.orders:
                self._part(member, at_once=False)
        self._tick_later()

    def _part(self, member: Member, *, at_once: bool) -> None:
        """Let a process go, whoever wanted that."""
        if member in self._members:
            self._members.remove(member)
            member.process.gone = _nothing
            self._do(self._bury(member, at_once=at_once), "a plugin process goes", self._burials)

    async def _bury(self, member: Member, *, at_once: bool) -> None:
        """Charge the evaluator that was running, and nobody else; what is left is done by another process."""
        ended = await member.process.end(at_once=at_once)
        self._waiting.extendleft(reversed(member.orders))
        if not member.orders:
            return self._pump()
        first = member.orders[0]
        if member.running is not None:
            first.fail(member.running, "error", *ended)
        else:
            first.deaths += 1
            if first.deaths >= DEATHS:
                first.fail_all("error", *ended)
        return self._pump()

    # --- the judge --------------------------------------------------------------------------------------------------

    def _asked(self, member: Member, asking: Asking) -> None:
        self._do(self._answer(member, asking), "a judge is asked")

    async def _answer(self, member: Member, asking: Asking) -> None:
        answered = await self._ask(asking)
        if member.is_running(asking.number, asking.evaluator):
            member.process.send(answered)

    def _do(self, work: Coroutine[Any, Any, None], name: str, tasks: set[asyncio.Task[None]] | None = None) -> None:
        tasks = self._tasks if tasks is None else tasks
        task = asyncio.create_task(work, name=name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def _nothing() -> None:
    pass
