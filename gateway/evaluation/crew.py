"""One lane at work: the tasks that wait for it, one target at a time for each of its processes."""

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
    """`do` works on tasks of one target. `makers`: of the evaluators that could be loaded, by name.

    `failed` is told of a mistake of ours in `do`: what a plugin does never raises.
    """

    def __init__(
        self,
        share: Share,
        lane: Lane,
        do: Callable[["Crew", list[Task]], Awaitable[None]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.share = share
        self.lane = lane
        self.names = frozenset(plugin.name for plugin in share.plugins)
        self.makers: dict[str, Maker] = {}
        self.unfinished = 0  # tasks that were taken and whose end is not written down yet
        self._do = do
        self._failed = failed
        self._hand: OrderedDict[Key, list[Task]] = OrderedDict()
        self._at_work: dict[int, list[Task]] = {}  # by runner
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
        left = [task for tasks in [*self._at_work.values(), *self._hand.values()] for task in tasks]
        self._hand.clear()
        self._at_work.clear()
        return left

    async def _run(self, number: int) -> None:
        while not self._ending:
            if not self._hand:
                self._more.clear()
                await self._more.wait()
                continue
            _, tasks = self._hand.popitem(last=False)
            self._at_work[number] = tasks
            await self._do(self, tasks)
            del self._at_work[number]

    def _on_end(self, runner: asyncio.Task[None]) -> None:
        if not runner.cancelled() and (error := runner.exception()) is not None:
            self._failed(error)
