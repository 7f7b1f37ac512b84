"""The authority on one host: where do holders reach it, and what can the rest of the recorder ask of it?

It lives on the recorder's event loop; only commits run in a thread. Nothing leaves before what it speaks of is on the
disk; but for rates, of which nothing is written down.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from gateway.ledger.bars import Bars
from gateway.ledger.commits import Commits
from gateway.ledger.desk import GRACE_S, Desk, SeriesState
from gateway.ledger.file import By, Deed, LedgerFile, Passed, Raise
from gateway.ledger.interface import RECALL_WAIT_S, SOCKET, VERSION, Hello, Message
from gateway.ledger.lease import MOST, Absurd, Ask, Books, Grant, Place, unasked_over_s
from gateway.ledger.passed import Passing
from gateway.ledger.peer import Garbage, Peer, frame
from gateway.ledger.rates import RateBooks
from gateway.ledger.sockets import bound, uid_of

GONE_KEPT_S: Final = 7 * 86_400  # nothing of a holder that is gone so long is on its way anywhere
TIDY_S: Final = 10.0
STALE_EVERY_S: Final = 86_400
AT_ONCE: Final = 4_096  # so many balances are reset before others have their turn
CONNECTIONS_MOST: Final = 1_024

logger = logging.getLogger("tollway.recorder")


class Server:
    """Serve holders on a Unix socket, going on from what the file says. Made by `open`, on the loop it lives on.

    `unclosed`: the holders that are not closed; `absent`: those of them who are not connected now, and may be gone.
    `grants`: how often somebody got something. All are safe from any thread, and so are `written` and `is_over`.
    """

    def __init__(
        self, file: LedgerFile, now: Callable[[], float], over: Callable[[Place], int], uid: int, path: Path
    ) -> None:
        loop = asyncio.get_running_loop()
        kept = file.load()
        self._now = now
        self._over = over
        self._uid = uid
        self._path = path
        self._next_id = kept.free_id
        self._books = Books()
        self._books.restore(kept.balances, kept.gone)
        self._commits = Commits(file, self._books, loop)
        self._desk = Desk(self._books, self._post, loop, now)
        for one in kept.raises:
            self._desk.add_raise(one)
        self._rates = RateBooks(time.monotonic_ns)
        self._rate_desk = Desk(self._rates, self._post_at_once, loop, now)
        self._links: dict[str, Link] = {}
        self._connections: set[Link] = set()
        self.bars = Bars(kept.bars, self._commits, self._deed, self._links, self._post)
        self._known = self._books.holders()  # and whoever came since, until it is closed
        self.unclosed = self.absent = frozenset(self._known)
        self.grants = 0
        self.passing = Passing(kept.passed, lambda: self._commits.batch)
        self._next_stale_s = 0
        self._touched = {place.series for place, _ in kept.balances}
        self._tidying = loop.call_later(TIDY_S, self._tidy)
        self._listening: asyncio.AbstractServer | None = None

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        now: Callable[[], float] = time.time,
        over: Callable[[Place], int] = unasked_over_s,
        uid: int | None = None,
    ) -> "Server":
        """Begin to serve at `folder/ledger.sock` from `folder/ledger.db`. Raises LedgerRefused, OSError, sqlite3.Error.

        `over`: when a balance counts no more that no ask has been about. `uid`: whose processes may connect.
        """
        listener = bound(folder / SOCKET, CONNECTIONS_MOST)
        try:
            file = LedgerFile(folder / "ledger.db")
            server = cls(file, now, over, os.getuid() if uid is None else uid, folder / SOCKET)
        except BaseException:
            listener.close()
            raise
        server._listening = await asyncio.get_running_loop().create_unix_server(server._connection, sock=listener)
        return server

    async def stop(self) -> None:
        """Serve no more, and write what is left."""
        self._tidying.cancel()
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._connections):
            connection.abort()
        await self._commits.close()

    # ==== what the recorder and its people do ========================================================================

    async def close(self, holder: str, spent: Mapping[Place, int]) -> None:
        """End all leases of a holder that is gone: `spent` is what its records say. Durable when it returns.

        What became known late stays as it was told, and is no part of `spent`.
        """
        now_s = int(self._now())
        known = {
            place: amount
            for place, amount in spent.items()
            if self._books.balance(place) is not None or self._over(place) > now_s
        }
        held = [place for place, balance in self._books.balances() if holder in balance.leases]
        if not self._books.is_gone(holder):
            self._books.close(holder, known, now_s)
            self._commits.batch.gone.append((holder, now_s))
        self._known.discard(holder)
        self._note_absent()
        if (link := self._links.get(holder)) is not None:
            link.complain("it was taken for dead")
            link.abort()
        for series in {place.series for place in [*held, *known]}:
            self._look_again(series)
        await self._commits.reached()

    def late(self, holder: str, place: Place, total: int) -> None:
        """Note all that became known late of what a holder was charged: the whole sum, whatever was told before.

        In force at once. Whoever knows it tells it again after a crash.
        """
        is_over = self._books.balance(place) is None and self.is_over(place)
        if not is_over and self._books.late(holder, place, total):
            self._look_again(place.series)
            self._commits.soon()

    async def raise_limit(self, series: str, amount: int, by: By, until_s: int = MOST) -> Deed:
        """Let so much more be spent of a series, before `until_s`; below zero: less. In force at once.

        The series may stand for all that are parted from a budget: of each of them, then.
        """
        deed = self._deed("raise", series, amount, by, until_s=until_s)
        one = Raise(deed.id, series, amount, until_s)
        self._commits.batch.raises.append(one)
        self._desk.add_raise(one)
        return await self._done(deed)

    async def end_raise(self, number: int, by: By) -> Deed | None:
        """End a raise before its time; None: there is none in force with this id."""
        one = self._desk.end_raise(number)
        if one is None:
            return None
        deed = self._deed("end", one.series, -one.amount, by)
        self._commits.batch.raises.append(one._replace(until_s=deed.at_s))
        return await self._done(deed)

    async def correct(self, place: Place, amount: int, by: By) -> Deed:
        """Add to what was spent of a balance, or take from it. In force at once."""
        deed = self._deed("correct", place.series, amount, by, start_s=place.start_s)
        self._books.correct(place, amount)
        return await self._done(deed)

    async def reset(self, series: str, reach_s: int, by: By) -> list[Deed]:
        """Let what was spent of a series in its window count no more. In force at once.

        The series may stand for all that are parted from a budget. Holders are asked first what they have spent; of one
        that does not answer at once counts what it told before. Very many balances take several deeds: holders do not
        wait for all of them.
        """
        _storable(series, by)
        names = self._desk.meant(series)
        heard = 0
        for some in _in_turns(names):
            heard += sum(self._desk.recall(name, reach_s) for name in some)
            await asyncio.sleep(0)
        if heard:
            await asyncio.sleep(RECALL_WAIT_S)
        deeds = []
        for some in _in_turns(names):
            # With its deed in one turn, so that both are in one commit.
            amount = sum(self._books.reset(name, reach_s) for name in some)
            deeds.append(self._deed("reset", series, amount, by, start_s=reach_s))
            await asyncio.sleep(0)
        await self._done(deeds[-1])
        return deeds

    async def trail(self, most: int, budget: str = "", before: int = MOST) -> list[Deed]:
        """Return what people did before that deed, newest first; to one budget where it is named."""
        return await self._commits.read(lambda file: file.trail(most, budget, before))

    async def deeds(self, ids: Sequence[int]) -> dict[int, Deed]:
        """Return these deeds, by id."""
        return await self._commits.read(lambda file: file.deeds(ids))

    def state(self) -> dict[str, SeriesState]:
        """Return how all series stand, in the windows that were asked about last."""
        return self._desk.state()

    def series(self) -> list[str]:
        """Return the names of all series that anything is known of."""
        return self._books.series()

    def standing(self, series: str, reach_s: int) -> SeriesState:
        """Return how a series stands; balances that begin at `reach_s` or later count. Nothing known: nothing spent."""
        return self._desk.standing(series, reach_s)

    def raises(self) -> list[Raise]:
        """Return the raises in force."""
        return self._desk.raises()

    def raised(self, series: str) -> int:
        """Return how much more than the config says may be spent of a series now."""
        return self._desk.raised(series)

    def is_here(self, holder: str) -> bool:
        """Whether a holder is connected."""
        return holder in self._links

    def is_over(self, place: Place) -> bool:
        """Whether a balance counts no more, by its beginning."""
        return self._over(place) <= self._now()

    def holders(self) -> set[str]:
        """Return everybody who has a lease, and is not known to be gone."""
        return self._books.holders()

    def _deed(
        self, what: str, series: str, amount: int, by: By, *, start_s: int | None = None, until_s: int | None = None
    ) -> Deed:
        if not -MOST <= amount <= MOST:
            raise ValueError(f"an amount of {amount}")
        _storable(series, by)
        deed = Deed(self._next_id, int(self._now()), by.who, by.why, what, series, start_s, amount, until_s)
        self._next_id += 1
        self._commits.batch.deeds.append(deed)
        return deed

    async def _done(self, deed: Deed) -> Deed:
        self._touched.add(deed.series)
        self._desk.changed(deed.series)
        await self._commits.reached()
        return deed

    def _look_again(self, series: str) -> None:
        self._touched.add(series)
        self._desk.look_again(series)

    # ==== what it shows ==============================================================================================

    def touched(self) -> set[str]:
        """Return the series about which something may have changed since the last call; at first all."""
        touched, self._touched = self._touched, set()
        return touched

    @property
    def written(self) -> tuple[int, int]:
        """How often changes were written down, and how often that failed and was tried again."""
        return self._commits.done, self._commits.failed

    def open_holders(self) -> int:
        """Count those that are not closed."""
        return len(self._known)

    async def note_passed(self, place: Place, passed: Passed, spent: int, notes: Sequence[str]) -> None:
        """Note which thresholds a balance has passed, with a line of the trail for each that it passes now."""
        self.passing.note(place, passed)
        for note in notes:
            self._deed("threshold", place.series, spent, By("tollway", note), start_s=place.start_s)
        await self._commits.reached()

    # ==== holders ====================================================================================================

    def _connection(self) -> "Link":
        return Link(self)

    def admits(self, link: "Link", uid: int) -> bool:
        """Whether a connection may stay: of our own user, and not one too many."""
        if uid != self._uid:
            link.complain(f"it belongs to user {uid}")
            return False
        self._connections.add(link)
        return len(self._connections) <= CONNECTIONS_MOST

    def greet(self, link: "Link", hello: Hello) -> None:
        """A holder says who it is; what it had before is no longer it. Raise Garbage."""
        if hello.version != VERSION or self._books.is_gone(hello.holder):
            raise Garbage(f"{hello} is of another release, or was taken for dead")
        before = self._links.get(hello.holder)
        if before is not None:
            before.abort()
        self._links[hello.holder] = link
        self._known.add(hello.holder)
        self._note_absent()
        self._rates.leave(hello.holder)
        for desk in (self._desk, self._rate_desk):
            desk.arrive(hello.holder)
        self.bars.tell(hello.holder)

    def take(self, ask: Ask) -> None:
        """A holder asks. Raise Garbage."""
        try:
            (self._rate_desk if ask.per_ns else self._desk).take(ask)
        except Absurd as absurd:
            raise Garbage(str(absurd)) from None
        self._touched.add(ask.series)
        self._commits.soon()

    def leave(self, link: "Link") -> None:
        """A connection is at its end."""
        self._connections.discard(link)
        if link.holder and self._links.get(link.holder) is link:
            del self._links[link.holder]
            self._note_absent()
            self._rates.leave(link.holder)
            for desk in (self._desk, self._rate_desk):
                desk.leave(link.holder)

    def _post_at_once(self, holder: str, message: Message) -> None:
        link = self._links.get(holder)
        if link is not None:
            link.send(frame(message))

    def _note_absent(self) -> None:
        self.unclosed = frozenset(self._known)
        self.absent = self.unclosed - self._links.keys()

    def _post(self, holder: str, message: Message) -> None:
        link = self._links.get(holder)
        if link is None:
            return
        if isinstance(message, Grant) and message.added:
            self.grants += 1
        data = frame(message)
        if self._commits.idle:
            link.send(data)
        else:
            self._commits.after(partial(link.send, data))

    def _tidy(self) -> None:
        now_s = int(self._now())
        self._tidying = asyncio.get_running_loop().call_later(TIDY_S, self._tidy)
        self._books.prune(now_s - GRACE_S, self._over, self._desk.is_waited_for)
        self._desk.tidy()
        self._rates.prune()
        self._rate_desk.tidy()
        forgotten = self._books.forget_gone(now_s - GONE_KEPT_S)
        self._commits.batch.forgotten += [(name,) for name in forgotten]
        self.passing.tidy(now_s)
        if now_s >= self._next_stale_s:
            self._next_stale_s = now_s + STALE_EVERY_S
            self._commits.batch.stale.append((now_s,))
        self._commits.soon()


class Link(Peer):
    """The connection of one holder; `holder` is empty until it has said who it is."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.holder = ""
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in our own user only."""
        super().connection_made(transport)
        if not self._server.admits(self, uid_of(transport)):
            self.abort()

    def take(self, message: Message) -> None:
        """Take what a holder may say: Hello, then asks in its own name."""
        if isinstance(message, Ask) and message.holder == self.holder:
            self._server.take(message)
        elif isinstance(message, Hello) and not self.holder:
            self._server.greet(self, message)
            self.holder = message.holder
        else:
            raise Garbage(f"a holder must not say {message}")

    def ended(self) -> None:
        """Tell the server."""
        self._server.leave(self)

    def complain(self, what: str) -> None:
        """Log it: both ends are ours, so it is a mistake, or an attack."""
        logger.warning("a connection to the ledger is cut off: %s", what, extra={"holder": self.holder})


def _storable(series: str, by: By) -> None:
    """Raise ValueError for what no file can hold, before anything is changed."""
    "".join((series, *by)).encode()


def _in_turns(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give some at a time: whoever looks at them lets others have their turn in between. Of nothing, nothing once."""
    for at in range(0, max(1, len(names)), AT_ONCE):
        yield names[at : at + AT_ONCE]
