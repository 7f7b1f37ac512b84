"""When is what the books say on the disk? Group commit: all that comes while one commit runs goes into the next."""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

from gateway.ledger.file import Batch, LedgerFile
from gateway.ledger.lease import Books

RETRY_S = 0.25
COMPLAIN_S = 10.0
PATIENCE_S = 5.0  # at the end, with a disk that takes nothing

logger = logging.getLogger("tollway.recorder")
T = TypeVar("T")


class Commits:
    """Write down what changed in the books, and call back once it is.

    A commit that fails is tried again until it succeeds: nobody hears of what it holds before that. `batch`: what else
    goes into the next commit.
    """

    def __init__(self, file: LedgerFile, books: Books, loop: asyncio.AbstractEventLoop) -> None:
        self.batch = Batch()
        self.done = 0
        self.failed = 0
        self._file = file
        self._books = books
        self._loop = loop
        self._thens: list[Callable[[], None]] = []
        self._soon = False
        self._running = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._complained_at_s = float("-inf")
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether everything is written down, and everybody who waited for that was told."""
        return not (self._running or self._soon or self._thens or self._books.changed or self.batch)

    def after(self, then: Callable[[], None]) -> None:
        """Call back, in order, once everything that changed until now is on the disk."""
        self._thens.append(then)
        self.soon()

    def soon(self) -> None:
        """Write what changed; nothing to write is fine."""
        if not self._running and not self._soon and not self.idle:
            # At the end of the turn: what other connections have brought in it comes along.
            self._soon = True
            self._loop.call_soon(self._begin)

    async def reached(self) -> None:
        """Wait until everything that changed until now is on the disk."""
        future: asyncio.Future[None] = self._loop.create_future()
        self.after(lambda: None if future.done() else future.set_result(None))
        await future

    async def read(self, look: Callable[[LedgerFile], T]) -> T:
        """Read something from the file, between two commits."""
        future: asyncio.Future[T] = self._loop.create_future()

        def tell(found: T | None, error: sqlite3.Error | None) -> None:
            if error is not None and not future.done():
                future.set_exception(error)
            elif not future.done():
                future.set_result(cast(T, found))

        def job() -> None:
            try:
                found, failed = look(self._file), None
            except sqlite3.Error as error:
                found, failed = None, error
            self._loop.call_soon_threadsafe(tell, found, failed)

        self._jobs.put(job)
        return await future

    async def close(self) -> None:
        """Write what is left, as long as the disk takes it, and close the file."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.reached()
        except TimeoutError:
            logger.error("the ledger's last changes could not be written: nobody was told of them")
        self._ending.set()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._file.close()

    def _begin(self) -> None:
        self._soon = False
        batch, self.batch = self.batch, Batch()
        for place in self._books.changed:
            batch.add(place, self._books.balance(place))
        self._books.changed.clear()
        thens, self._thens = self._thens, []
        if not batch:
            self._tell(thens)
            return
        self._running = True
        self._jobs.put(lambda: self._commit(batch, thens))

    def _commit(self, batch: Batch, thens: list[Callable[[], None]]) -> None:
        """In the thread."""
        while not self._try(batch):
            if self._ending.wait(RETRY_S):
                return
        self._loop.call_soon_threadsafe(self._committed, thens)

    def _try(self, batch: Batch) -> bool:
        try:
            self._file.write(batch)
        except Exception as error:
            self.failed += 1
            now = time.monotonic()
            if now - self._complained_at_s >= COMPLAIN_S:
                self._complained_at_s = now
                logger.warning("the ledger cannot be written, nothing is granted meanwhile", extra={"error": error})
            return False
        return True

    def _committed(self, thens: list[Callable[[], None]]) -> None:
        self.done += 1
        self._running = False
        self._tell(thens)
        if not self._soon and not self.idle:
            self._begin()

    def _tell(self, thens: list[Callable[[], None]]) -> None:
        for then in thens:
            then()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
