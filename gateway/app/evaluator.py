"""The evaluator: `python -m gateway.app.evaluator` looks at what the log holds, and has plugins score it."""

import asyncio
import logging
import os
import signal
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gateway.app import log
from gateway.app.channel import Applied, Channel, Config, Drain, Judges, Ready
from gateway.app.judging import Judging
from gateway.app.snapshots import Snapshots
from gateway.app.sole import sole
from gateway.app.vitals import Vitals
from gateway.config.problems import ConfigError
from gateway.evaluation.engine import Engine, Places
from gateway.evaluation.priority import yield_to_others
from gateway.evaluation.process import sweep
from gateway.evaluation.queue import QueueRefused
from gateway.metrics.board import EVALUATOR, GENERATION, HEARTBEAT_MS, PID, RELOADED_AT_MS, SUPERVISOR, Board
from gateway.policies.snapshot import Snapshot

POLL_S: Final = 0.5  # what comes meanwhile is taken together: fewer wake-ups, beside traffic they cost the most
BEAT_S: Final = 0.5

logger = logging.getLogger("tollway.evaluator")


class Evaluator:
    """The evaluator's process: how it starts, takes a new config, works, and ends."""

    def __init__(
        self, channel: Channel, snapshots: Snapshots, snapshot: Snapshot, engine: Engine, judging: Judging
    ) -> None:
        self._channel = channel
        self._snapshots = snapshots
        self._engine = engine
        self._judging = judging
        self._news: Snapshot | None = snapshot
        self._ending = asyncio.Event()
        board = Board(Path(snapshot.server.data_dir) / "board")
        self._slot = board.slot(EVALUATOR)
        self._supervisor = board.slot(SUPERVISOR)
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
        ends: set[asyncio.Future[Any]] = {work, orders, ending, self._engine.failure}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, beating, orders, ending):
            task.cancel()
        await asyncio.gather(work, beating, orders, ending, return_exceptions=True)
        error = _error_of(self._engine.failure) or _error_of(work) or _error_of(orders)
        if error is not None:
            # What was going on is done again, under the same ids: to begin anew is the simplest way out of anything.
            logger.error("the evaluator cannot go on and begins anew; no score is lost by that", exc_info=error)
        await self._engine.end(well=error is None)
        await self._judging.close()
        self._slot.set(HEARTBEAT_MS, 0)
        return int(error is not None)

    async def _take_orders(self) -> None:
        while not self._ending.is_set():
            message = await self._channel.receive()
            if isinstance(message, Judges):
                self._judging.told = message
            elif isinstance(message, Config):
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
            is_behind = self._engine.turn()
            self._judging.tidy()
            await asyncio.sleep(0 if is_behind else POLL_S)

    async def _apply(self, snapshot: Snapshot) -> None:
        log.configure("evaluator", snapshot)
        await self._judging.use(snapshot)
        await self._engine.apply(snapshot.evaluating, self._supervisor.get(RELOADED_AT_MS))
        self._slot.set(GENERATION, snapshot.generation)
        self._channel.send(Applied(snapshot.generation))
        self._channel.send(Ready())

    async def _beat(self) -> None:
        while True:
            self._slot.set(HEARTBEAT_MS, time.time_ns() // 1_000_000)
            self._vitals.beat()
            await asyncio.sleep(BEAT_S)


def _error_of(task: asyncio.Future[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


async def run() -> int:
    """Live the evaluator's life; return the exit status."""
    channel = await Channel.from_environment(os.environ)
    told, first = await channel.receive(), await channel.receive()
    if not isinstance(told, Judges) or not isinstance(first, Config):
        return 0  # the supervisor died first
    snapshots = Snapshots(os.environ)
    snapshot = await snapshots.first(first)
    log.configure("evaluator", snapshot)
    data_dir = Path(snapshot.server.data_dir)
    places = Places(Path(snapshot.server.store_dir), data_dir / "journal", data_dir / "evaluation")
    with await sole(places.queue / "evaluator.lock"):
        sweep()  # what a killed one has left
        try:
            judging = Judging(places.queue)
            engine = Engine(places, snapshot.server.durability, judging.ask)
        except (QueueRefused, sqlite3.Error) as error:
            logger.error("the evaluator's queue cannot be opened, so nothing is evaluated", extra={"error": error})
            return 1
        judging.told = told
        status = await Evaluator(channel, snapshots, snapshot, engine, judging).live()
    channel.close()
    return status


def main() -> None:
    """Run the evaluator, as the supervisor starts it."""
    log.begin("evaluator")
    with suppress(OSError):
        yield_to_others()  # and with it all plugins, from their first instruction: traffic comes first
    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
