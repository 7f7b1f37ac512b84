"""Which task of an evaluator comes next? A few are in memory, so that what is taken at once is never read back."""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from gateway.evaluation.task import Task

AHEAD = 256

# (evaluator, after which number, how many) -> tasks that were never tried, in the order of their numbers.
Read = Callable[[str, int, int], Sequence[Task]]


class Line:
    """The tasks of one evaluator that may be begun, each once. `count`: also those that run."""

    def __init__(self, evaluator: str, read: Read, count: int = 0) -> None:
        self.count = count
        self._evaluator = evaluator
        self._read = read
        self._fresh: deque[Task] = deque()
        self._last = 0  # the highest number that was in memory
        self._has_more = count > 0  # in the file
        self._tried: list[tuple[int, int, Task]] = []

    def add(self, tasks: Sequence[Task]) -> None:
        """Note what was just written."""
        self.count += len(tasks)
        if self._has_more or len(self._fresh) >= AHEAD:
            self._has_more = True
            return
        self._fresh.extend(tasks)
        self._last = tasks[-1].number

    def postpone(self, task: Task, not_before_ms: int) -> None:
        """Note what is to be tried again."""
        heappush(self._tried, (not_before_ms, task.number, task))

    def next_number(self, now_ms: int) -> int | None:
        """Return the number of what comes next: what was tried before is older. None: nothing may be begun now."""
        if self._tried and self._tried[0][0] <= now_ms:
            return self._tried[0][1]
        if not self._fresh and self._has_more:
            found = self._read(self._evaluator, self._last, AHEAD)
            self._has_more = len(found) == AHEAD
            self._fresh.extend(found)
            self._last = found[-1].number if found else self._last
        return self._fresh[0].number if self._fresh else None

    def take(self, now_ms: int) -> Task:
        """Take what `next_number` named."""
        if self._tried and self._tried[0][0] <= now_ms:
            return heappop(self._tried)[2]
        return self._fresh.popleft()
