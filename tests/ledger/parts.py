"""An authority and its holders as the tests of the ledger need them: on real sockets, or by a clock of ours."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.ledger.account import Terms
from gateway.ledger.client import Client
from gateway.ledger.desk import Desk
from gateway.ledger.file import LedgerFile
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import SOCKET, Barred, Listener, Message, Recall, Room
from gateway.ledger.lease import MOST, Ask, Balance, Books, Grant, Place
from gateway.ledger.rates import RateBooks
from gateway.ledger.server import Server
from gateway.policies.limit import MINUTE_NS, SECOND_NS, Rate
from tests.http.uv import until

_names = itertools.count(1)


def terms(series: str = "search/daily", limit: int = 1000, *, slack: int = 0, start_s: int = 0) -> Terms:
    """Make the terms of a balance that is never over."""
    return Terms(Place(series, start_s), start_s, MOST, limit, slack=slack)


def permits(rate: int, burst: int = 0, *, per_ns: int = MINUTE_NS, series: str = "search/limit-1#requests") -> Terms:
    """Make the terms of a rate; without a burst of its own a period's worth may come at once."""
    return Terms.of_rate(series, Rate(rate, per_ns, burst or rate))


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


class Clock:
    """An event loop's time, moved by hand."""

    def __init__(self) -> None:
        self._now = 0.0
        self._calls: list[_Call] = []

    def time(self) -> float:
        """Return the seconds so far."""
        return self._now

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> "_Call":
        """Note what to call then."""
        self._calls.append(_Call(self._now + delay, callback, args))
        return self._calls[-1]

    def call_soon(self, callback: Callable[..., None], *args: Any) -> "_Call":
        """Note what to call next."""
        return self.call_later(0.0, callback, *args)

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass, and call what becomes due, in order."""
        end = self._now + seconds
        while any(call.at <= end for call in self._calls):
            self.step()
        self._now = end

    def step(self) -> None:
        """Let pass what is needed for the next thing, and do it."""
        first = min(self._calls, key=lambda call: call.at)
        self._calls.remove(first)
        self._now = max(self._now, first.at)
        if not first.cancelled:
            first.callback(*first.args)


@dataclass
class _Call:
    at: float
    callback: Callable[..., None]
    args: tuple[Any, ...]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Bank:
    """An authority in memory, and the lines of its holders; everything happens by one clock moved by hand.

    `deaf`: it hears nothing and says nothing. `heard`: what it was asked. `delay_s`: how long messages from and to a
    holder are under way.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.books = Books()
        self.desk = Desk(self.books, self._post, self.clock, lambda: 0.0)
        self.forget_rates()
        self.deaf = False
        self.heard: list[Ask] = []
        self.delay_s: dict[str, float] = {}
        self.lines: dict[str, Line] = {}

    def holder(self, name: str, workers: int = 1) -> Holder:
        """Make a holder that has found it."""
        line = self.lines[name] = Line(self, name)
        made = Holder(name, line, self.clock, workers)
        line.mend()
        self.clock.run()
        return made

    def forget_rates(self) -> None:
        """Begin with empty buckets."""
        self.rates = RateBooks(lambda: round(self.clock.time() * SECOND_NS))
        self.rate_desk = Desk(self.rates, self._post, self.clock, lambda: 0.0)

    def _post(self, holder: str, message: Message) -> None:
        if not self.deaf:
            self.clock.call_later(self.delay_s.get(holder, 0.0), self.lines[holder].tell, message)


class Line:
    """What one holder has of a bank."""

    def __init__(self, bank: Bank, name: str) -> None:
        self.connected = False
        self.closed = False
        self._bank = bank
        self._name = name
        self._unanswered: dict[Place, Ask] = {}
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        """Tell this one."""
        self._listener = listener

    def send(self, ask: Ask) -> None:
        """Ask, now or when it is mended."""
        self._unanswered[ask.place] = ask
        if self.connected and not self._bank.deaf:
            self._bank.clock.call_later(self._bank.delay_s.get(self._name, 0.0), self._hear, ask)

    def close(self) -> None:
        """Be done."""
        self.closed = True

    def cut(self) -> None:
        """Lose the authority."""
        assert self._listener is not None
        self.connected = False
        self._bank.desk.leave(self._name)
        self._bank.rates.leave(self._name)
        self._bank.rate_desk.leave(self._name)
        self._unanswered = {place: ask for place, ask in self._unanswered.items() if not ask.per_ns}
        self._listener.lost()

    def mend(self) -> None:
        """Find it again."""
        assert self._listener is not None
        self.connected = True
        self._bank.desk.arrive(self._name)
        self._bank.rate_desk.arrive(self._name)
        for ask in self._unanswered.values():
            self._bank.clock.call_soon(self._hear, ask)
        self._listener.found()

    def tell(self, message: Message) -> None:
        """Bring a message to the holder."""
        assert self._listener is not None
        if not self.connected:
            return
        if isinstance(message, Grant):
            waits = self._unanswered.get(Place(message.series, message.start_s))
            if waits is not None and waits.number == message.number:
                del self._unanswered[waits.place]
            self._listener.granted(message)
        elif isinstance(message, Recall):
            self._listener.recalled(message)
        elif isinstance(message, Room):
            self._listener.has_room(message)
        elif isinstance(message, Barred):
            self._listener.bar(frozenset(message.models))

    def _hear(self, ask: Ask) -> None:
        if self.connected:
            self._bank.heard.append(ask)
            (self._bank.rate_desk if ask.per_ns else self._bank.desk).take(ask)


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
