"""The evaluator: `python -m gateway.app.evaluator` looks at what the log holds, and has plugins score it."""

import asyncio
import logging
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, Final

from gateway.app import log
from gateway.app.channel import Applied, Channel, Config, Drain, Ready
from gateway.app.snapshots import Snapshots
from gateway.app.sole import sole
from gateway.app.vitals import Vitals
from gateway.config.problems import ConfigError
from gateway.evaluation.follow import PORTION, Follow
from gateway.evaluation.lookup import Lookup
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.protocol import Answered, Asking
from gateway.evaluation.queue import Queue, QueueRefused
from gateway.evaluation.sampler import Sampler
from gateway.evaluation.scheduler import Scheduler
from gateway.evaluation.watch import Watch
from gateway.metrics.board import EVALUATOR, GENERATION, HEARTBEAT_MS, PID, Board
from gateway.policies.evaluating import Evaluating
from gateway.policies.snapshot import Snapshot

POLL_S: Final = 0.2
BEAT_S: Final = 0.5
# The log is the better queue: who is behind takes no more than somebody can do soon. Not for longer, though: then what
# is too much is dropped, and counted.
LATE_MS: Final = 3_600_000
LOWEST_PRIORITY: Final = 19

logger = logging.getLogger("tollway.evaluator")


class Evaluator:
    """The evaluator's parts, how they start, take a new config, and end."""

    def __init__(self, channel: Channel, snapshots: Snapshots, snapshot: Snapshot, queue: Queue) -> None:
        server = snapshot.server
        data_dir = Path(server.data_dir)
        self._channel = channel
        self._snapshots = snapshots
        self._snapshot = snapshot
        self._queue = queue
        self._follow = Follow(Path(server.store_dir))
        self._outbox = Outbox(data_dir / "journal", server.durability)
        self._scheduler = Scheduler(queue, self._outbox, look=Lookup(self._follow).look, judge=_nobody)
        self._watch: Watch
        self._watched: tuple[Evaluating, dict[str, str], frozenset[str]] | None = None
        self._news: Snapshot | None = snapshot
        self._ending = asyncio.Event()
        self._slot = Board(data_dir / "board").slot(EVALUATOR)
        self._slot.set(PID, os.getpid())
        self._vitals = Vitals(self._slot, BEAT_S)

    async def live(self) -> int:
        """Work until the supervisor says drain, or is gone; return the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        # Ctrl-C reaches every process of the terminal; the supervisor decides what it means.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        work = asyncio.create_task(self._work(), name="work")
        beating = asyncio.create_task(self._beat(), name="beat")
        orders = asyncio.create_task(self._take_orders(), name="orders")
        ending = asyncio.create_task(self._ending.wait(), name="ending")
        ends: set[asyncio.Future[Any]] = {work, ending, self._scheduler.failure}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, beating, orders, ending):
            task.cancel()
        await asyncio.gather(work, beating, orders, ending, return_exceptions=True)
        error = _error_of(self._scheduler.failure) or _error_of(work)
        if error is not None:
            # What was going on is done again, under the same ids: to begin anew is the simplest way out of anything.
            logger.error("the evaluator cannot go on and begins anew; no score is lost by that", exc_info=error)
            await self._scheduler.abandon()
        else:
            await self._scheduler.end()
        self._outbox.close()
        self._slot.set(HEARTBEAT_MS, 0)
        return int(error is not None)

    async def _take_orders(self) -> None:
        while not self._ending.is_set():
            message = await self._channel.receive()
            if isinstance(message, Config):
                await self._read(message)
            elif message is None or isinstance(message, Drain):
                self._ending.set()

    async def _read(self, message: Config) -> None:
        try:
            self._news = await self._snapshots.of(message)
        except ConfigError as error:
            logger.error(
                "a new config cannot be taken here, the one before it stays in force: correct what the error names",
                extra={"generation": message.generation, "error": error},
            )

    async def _work(self) -> None:
        while True:
            news, self._news = self._news, None
            if news is not None:
                await self._apply(news)
            is_behind = self._look()
            self._scheduler.feed()
            await asyncio.sleep(0 if is_behind else POLL_S)

    async def _apply(self, snapshot: Snapshot) -> None:
        log.configure("evaluator", snapshot)
        self._snapshot = snapshot
        await self._scheduler.follow(snapshot.evaluating)
        self._slot.set(GENERATION, snapshot.generation)
        self._channel.send(Applied(snapshot.generation))
        self._channel.send(Ready())

    def _look(self) -> bool:
        """Read on in the log; tell whether there is more to be had at once."""
        self._follow_loaded()
        now_ms = time.time_ns() // 1_000_000
        if not self._has_room(now_ms):
            return False
        looked = self._watch.look(now_ms)
        if looked.unreadable:
            logger.error("exchanges of the log cannot be read and are left out", extra={"number": looked.unreadable})
        return looked.is_behind

    def _follow_loaded(self) -> None:
        """Sample by the config in force, for the evaluators that are loaded now."""
        makers = self._scheduler.roster.makers()
        units = {name: maker.loaded.unit for name, maker in makers.items()}
        judged = frozenset(name for name, maker in makers.items() if maker.loaded.judge)
        watched = (self._snapshot.evaluating, units, judged)
        if watched == self._watched:
            return
        self._watched = watched
        sampler = Sampler(self._snapshot.evaluating, units, judged, self._queue.cost)
        self._watch = Watch(self._follow, self._queue, sampler, self._snapshot.evaluating)

    def _has_room(self, now_ms: int) -> bool:
        waiting = self._queue.waiting()
        busy = [waiting.get(name, 0) for name in self._scheduler.at_work(now_ms)]
        if not busy or min(busy) < PORTION:
            return True
        return now_ms - max(self._queue.cursors().values(), default=0) // 1000 > LATE_MS

    async def _beat(self) -> None:
        while True:
            self._slot.set(HEARTBEAT_MS, time.time_ns() // 1_000_000)
            self._vitals.beat()
            await asyncio.sleep(BEAT_S)


async def _nobody(asking: Asking, _: str) -> Answered:
    return Answered(number=asking.number, call=asking.call, failure="error", reason="no_judge")


def _error_of(task: asyncio.Future[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


async def run() -> int:
    """Live the evaluator's life; return the exit status."""
    channel = await Channel.from_environment(os.environ)
    first = await channel.receive()
    if not isinstance(first, Config):
        return 0  # the supervisor died first
    snapshots = Snapshots(os.environ)
    snapshot = await snapshots.first(first)
    log.configure("evaluator", snapshot)
    folder = Path(snapshot.server.data_dir) / "evaluation"
    with await sole(folder / "evaluator.lock"):
        try:
            queue = Queue(folder)
        except (QueueRefused, sqlite3.Error) as error:
            logger.error("the evaluator's queue cannot be opened, so nothing is evaluated", extra={"error": error})
            return 1
        try:
            return await Evaluator(channel, snapshots, snapshot, queue).live()
        finally:
            queue.close()
            channel.close()


def main() -> None:
    """Run the evaluator, as the supervisor starts it."""
    log.begin("evaluator")
    os.nice(LOWEST_PRIORITY)  # and with it all plugins: traffic comes first
    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
