"""Who is told what as it is stored? All who watch share one poll of the store, and whoever asks the same its answer."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import NamedTuple

from gateway.core.record import public, public_json
from gateway.store.following import BEGINNING, Followed, Following, Position
from gateway.store.interface import Query

POLL_S = 0.25
RETRY_S = 5.0  # after the store could not be read
MOST_BEHIND = 10_000  # whoever is further behind is told how much it misses, and goes on with what is new

log = logging.getLogger("tollway.admin")


class Wish(NamedTuple):
    """What somebody waits for."""

    position: Position
    query: Query


class News(NamedTuple):
    """What came: events as they are sent, and the position behind them."""

    events: bytes
    position: Position


class _Waiting(NamedTuple):
    """Who waits for it. `looked`: the same position, as of the last look: files that rest need not be opened again."""

    future: "asyncio.Future[News | None]"
    looked: Position


class Tail:
    """One poll for all. It runs while somebody watches; `watchers` counts them."""

    def __init__(self, following: Following, *, poll_s: float = POLL_S, most_behind: int = MOST_BEHIND) -> None:
        self.watchers = 0
        self.has_ended = False
        self._following = following
        self._poll_s = poll_s
        self._most_behind = most_behind
        self._wishes: dict[Wish, _Waiting] = {}
        self._polling: asyncio.Task[None] | None = None
        self._newest = BEGINNING

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Take part."""
        self.watchers += 1
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll(), name="live tail")
        try:
            yield
        finally:
            self.watchers -= 1
            if not self.watchers:
                self._rest()

    async def newest(self) -> Position:
        """Return the position behind all that is stored."""
        self._newest = await self._following.newest(self._newest)
        return self._newest

    async def next(self, position: Position, query: Query) -> News | None:
        """Wait for what matches after a position, or for the position to move; None: there will be nothing more."""
        if self.has_ended:
            return None
        wish = Wish(position, query)
        waiting = self._wishes.get(wish)
        if waiting is None:
            waiting = self._wishes[wish] = _Waiting(asyncio.get_running_loop().create_future(), position)
        return await asyncio.shield(waiting.future)  # who waits no longer takes nobody else's answer away

    def end(self) -> None:
        """Let everybody who waits know that this is the end."""
        self.has_ended = True
        self._rest()

    def _rest(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
        for waiting in self._wishes.values():
            waiting.future.set_result(None)
        self._wishes.clear()

    async def _poll(self) -> None:
        while True:
            for wish, waiting in list(self._wishes.items()):
                try:
                    found = await self._following.read(waiting.looked, wish.query)
                    if found.position.seq == wish.position.seq:
                        self._wishes[wish] = waiting._replace(looked=found.position)
                        continue
                    news = await self._news(found)
                except Exception as error:  # whatever it is, those who watch are not left without a poll
                    log.warning("the live tail could not read the store, trying again error=%r", str(error))
                    await asyncio.sleep(RETRY_S)
                    break
                self._wishes.pop(wish).future.set_result(news)
            await asyncio.sleep(self._poll_s)

    async def _news(self, found: Followed) -> News:
        # On the loop workers wait for money.
        events = await asyncio.to_thread(_events, found)
        if not found.is_behind:
            return News(events, found.position)
        missed = await self._following.count(found.position, found.newest)
        if missed <= self._most_behind:
            return News(events, found.position)
        dropped = event(found.newest, "dropped", public_json({"exchanges": missed}))
        return News(events + dropped, Position.after(found.newest))


def event(seq: int, kind: str, data: bytes) -> bytes:
    """Write an event, of data without line ends. Its id is the position behind it."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), data)


def _events(found: Followed) -> bytes:
    return b"".join(event(seq, "exchange", public_json(public(record))) for seq, record in found.rows)
