"""All of evaluation on one host, put together: from the log, through sampling, queue and lanes, into the journal."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Final, NamedTuple

from gateway.evaluation.feedback import Words
from gateway.evaluation.follow import PORTION, Follow
from gateway.evaluation.lookup import Lookup
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.queue import Queue
from gateway.evaluation.sampler import Sampler
from gateway.evaluation.scheduler import Judge, Scheduler
from gateway.evaluation.watch import Watch
from gateway.policies.evaluating import Evaluating

# The log is the better queue: who is behind takes no more from it than somebody can do soon. Not for longer than this,
# though: then what is too much is dropped, and counted.
LATE_MS: Final = 3_600_000

log = logging.getLogger("tollway.evaluator")


class Places(NamedTuple):
    """Where things lie."""

    store: Path
    journal: Path
    queue: Path


class Engine:
    """Take a `turn` again and again. `failure` is set by what nothing can go on after."""

    def __init__(self, places: Places, durability: str, judge: Judge) -> None:
        """Raise QueueRefused, or sqlite3.Error."""
        self._queue = Queue(places.queue)
        self._follow = Follow(places.store)
        self._words = Words(places.store)
        self._outbox = Outbox(places.journal, durability)
        self._scheduler = Scheduler(self._queue, self._outbox, look=Lookup(self._follow).look, judge=judge)
        self._evaluating = Evaluating()
        self._since_ms = 0
        self._watch: Watch
        self._watched: object = None

    @property
    def failure(self) -> asyncio.Future[None]:
        """What nothing can go on after."""
        return self._scheduler.failure

    @property
    def waiting(self) -> int:
        """How many tasks wait or run."""
        return sum(self._queue.waiting().values())

    async def apply(self, evaluating: Evaluating, since_ms: int) -> None:
        """Take a config over, which is in force since then."""
        self._since_ms = since_ms
        self._evaluating = evaluating
        await self._scheduler.follow(evaluating)

    def turn(self) -> bool:
        """Read on in the log and see what is due; tell whether there is more to be had at once."""
        is_behind = self._look()
        self._scheduler.feed()
        return is_behind

    async def end(self, *, well: bool = True) -> None:
        """End all; not `well`: what was going on is not written down, and is done again."""
        await (self._scheduler.end() if well else self._scheduler.abandon())
        self._outbox.close()
        self._queue.close()

    def _look(self) -> bool:
        self._follow_loaded()
        now_ms = time.time_ns() // 1_000_000
        if not self._has_room(now_ms):
            return False
        looked = self._watch.look(now_ms)
        if looked.unreadable:
            log.error("exchanges of the log cannot be read and are left out", extra={"number": looked.unreadable})
        return looked.is_behind

    def _follow_loaded(self) -> None:
        """Sample by the config in force, for the evaluators that are loaded now."""
        makers = self._scheduler.roster.makers()
        units = {name: maker.loaded.unit for name, maker in makers.items()}
        judged = frozenset(name for name, maker in makers.items() if maker.loaded.judge)
        watched = (self._evaluating, units, judged)
        if watched != self._watched:
            self._watched = watched
            sampler = Sampler(self._evaluating, units, judged, self._queue.cost)
            self._watch = Watch(
                self._follow, self._queue, sampler, self._evaluating, words=self._words, since_ms=self._since_ms
            )

    def _has_room(self, now_ms: int) -> bool:
        waiting = self._queue.waiting()
        busy = [waiting.get(name, 0) for name in self._scheduler.at_work(now_ms)]
        if not busy or min(busy) < PORTION:
            return True
        return now_ms - max(self._queue.cursors().values(), default=0) // 1000 > LATE_MS
