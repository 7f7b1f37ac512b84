"""An authority and its holders as the tests of the ledger need them: real sockets, real files."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.ledger.account import Terms
from gateway.ledger.client import Client
from gateway.ledger.file import LedgerFile
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.lease import MOST, Balance, Place
from gateway.ledger.server import SOCKET, Server
from tests.http.uv import until

_names = itertools.count(1)


def terms(series: str = "search/daily", limit: int = 1000, *, slack: int = 0, start_s: int = 0) -> Terms:
    """Make the terms of a balance that is never over."""
    return Terms(Place(series, start_s), start_s, MOST, limit, slack=slack)


def holder(folder: Path, *, workers: int = 1, name: str = "") -> Holder:
    """Start a worker's side; it connects by itself."""
    loop = asyncio.get_running_loop()
    name = name or f"w{next(_names)}"
    return Holder(name, Client(folder / SOCKET, name, loop), loop, workers)


@contextlib.asynccontextmanager
async def serving(folder: Path, holders: int = 1) -> AsyncIterator[tuple[Server, list[Holder]]]:
    """Run an authority and so many holders that have found it."""
    server = await Server.open(folder)
    those = [holder(folder, workers=holders) for _ in range(holders)]
    try:
        await until(lambda: all(is_connected(one) for one in those))
        yield server, those
    finally:
        for one in those:
            one.stop()
        await server.stop()


def is_connected(one: Holder) -> bool:
    """Whether a holder can ask."""
    return one._authority.connected


async def held(one: Holder, *demands: tuple[Terms, int]) -> Held | Short:
    """Hold, waiting for money if need be."""
    found = one.hold(demands)
    if isinstance(found, Held):
        return found
    future: asyncio.Future[Held | Short] = asyncio.get_running_loop().create_future()
    one.more(found, future.set_result)
    return await future


def on_disk(folder: Path) -> dict[Place, Balance]:
    """Read what the file says; nobody must be writing it."""
    file = LedgerFile(folder / "ledger.db")
    try:
        return dict(file.load().balances)
    finally:
        file.close()


def spent(costs: Sequence[int]) -> int:
    """Add up."""
    return sum(costs)


class Slow:
    """A loop whose clock goes so many times slower: what takes 50 ms by it has more time on a busy machine."""

    def __init__(self, loop: asyncio.AbstractEventLoop, times: float) -> None:
        self._loop = loop
        self._times = times

    def time(self) -> float:
        """Return its seconds."""
        return self._loop.time() / self._times

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """Call back after so many of its seconds."""
        return self._loop.call_later(delay * self._times, callback, *args)

    def call_soon(self, callback: Callable[..., None], *args: Any) -> asyncio.Handle:
        """Call back in the next turn."""
        return self._loop.call_soon(callback, *args)
