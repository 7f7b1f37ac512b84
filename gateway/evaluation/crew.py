"""One lane at work: the tasks that wait for it, a few targets at a time for each of its processes."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gateway.evaluation.lane import Lane
from gateway.evaluation.lanes import Share
from gateway.evaluation.outcome import Maker
from gateway.evaluation.task import Sampled, Task

# For each evaluator: enough to be busy between two looks into the queue, little to do again after a crash.
IN_HAND: Final = 200
GRACE_S: Final = 5.0  # what runs when it is time to go has so long; then it is ended, and done again another time

# What waits for the same process: tasks of one target.
Key = tuple[str, str, str]


class Crew:
    """`do` works on a turn of one process: some targets, each with its tasks. `makers`: of the evaluators that could be
    loaded, by name. `at_once`: targets of a turn; it grows while all goes well, so that one that hangs is found early.

    `failed` is told of a mistake of ours in `do`: what a plugin does never raises.
    """

    def __init__(
        self,
        share: Share,
        lane: Lane,
        do: Callable[["Crew", list[list[Task]]], Awaitable[None]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.share = share
        self.lane = lane
        self.names = frozenset(plugin.name for plugin in share.plugins)
        self.makers: dict[str, Maker] = {}
        self.unfinished = 0  # tasks that were taken and whose end is not written down yet
        self.at_once = 1
        self._do = do
        self._failed = failed
        self._hand: OrderedDict[Key, list[Task]] = OrderedDict()
        self._at_work: dict[int, list[list[Task]]] = {}  # by runner
        self._more = asyncio.Event()
        self._ending = False
        self._runners: list[asyncio.Task[None]] = []

    @property
    def is_full(self) -> bool:
        """Whether it has enough to do."""
        return self.unfinished >= IN_HAND * len(self.names)

    def begin(self) -> None:
        """Work from now on."""
        self._runners = [
            asyncio.create_task(self._run(number), name=f"lane of {min(self.names)}")
            for number in range(self.share.processes)
        ]
        for runner in self._runners:
            runner.add_done_callback(self._on_end)

    def take(self, tasks: Iterable[Task]) -> None:
        """Let tasks wait for a process; those of one target wait together."""
        for task in tasks:
            sampled = task.sampled
            key = (sampled.run, sampled.target_type, sampled.target)
            self._hand.setdefault(key, []).append(task)
            self.unfinished += 1
        self._more.set()

    def went(self, *, well: bool) -> None:
        """Note how a turn went."""
        most = max(1, self.lane.capacity // self.share.processes)
        self.at_once = min(2 * self.at_once, most) if well else 1

    def ahead(self, most: int) -> list[Sampled]:
        """Return the targets that come next."""
        return [tasks[0].sampled for tasks in itertools.islice(self._hand.values(), most)]

    async def end(self) -> list[Task]:
        """Let what runs come to its end, within bounds; return the tasks that were not done."""
        self._ending = True
        self._more.set()
        if self._runners:
            await asyncio.wait(self._runners, timeout=GRACE_S)
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await self.lane.close()
        at_work = [tasks for turn in self._at_work.values() for tasks in turn]
        left = [task for tasks in [*at_work, *self._hand.values()] for task in tasks]
        self._hand.clear()
        self._at_work.clear()
        return left

    async def _run(self, number: int) -> None:
        while not self._ending:
            if not self._hand:
                self._more.clear()
                await self._more.wait()
                continue
            turn = [self._hand.popitem(last=False)[1] for _ in range(min(self.at_once, len(self._hand)))]
            self._at_work[number] = turn
            await self._do(self, turn)
            del self._at_work[number]

    def _on_end(self, runner: asyncio.Task[None]) -> None:
        if not runner.cancelled() and (error := runner.exception()) is not None:
            self._failed(error)
