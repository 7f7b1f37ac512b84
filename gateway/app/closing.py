"""Which workers are gone for good, and what did they spend? What the recording thread tells the ledger.

A holder's leases are closed once nothing of it can come any more. Its segment is locked before it first connects, and a
writer lets go of one only when it has the next: so who was not connected a moment ago, and has no segment now that was
not read to its end, is gone. All that it wrote is in the store by then, since nobody asks before a batch is committed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from gateway.journal.reader import Reader
from gateway.ledger.bars import Crossing
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from gateway.store.charges import Balance, ChargeKey
from gateway.store.interface import Store, StoreBusy

PATIENCE_S = 5.0  # at the end, with a disk that takes nothing
CROSSING_S = 1.0  # a commit of the ledger takes milliseconds; nothing else is recorded meanwhile


class Ledger(Protocol):
    """What the recording thread needs of the authority. Nothing here waits, but for `cross`."""

    @property
    def absent(self) -> frozenset[str]:
        """Holders that are not closed and not connected now."""

    @property
    def unclosed(self) -> frozenset[str]:
        """Holders that are not closed, connected or not."""

    def is_over(self, balance: Balance) -> bool:
        """Whether a balance counts no more."""

    def close(self, holder: str, spent: Mapping[Balance, int]) -> None:
        """End all leases of a holder that is gone."""

    def late(self, totals: Mapping[ChargeKey, int]) -> None:
        """Note what became known late, by holder and balance."""

    def cross(self, crossings: Sequence[Crossing]) -> None:
        """Bar models whose bound was crossed, before this returns. Raises OSError: it is not written down yet."""


class Closer:
    """Tells the ledger what the store knows. Used by the recording thread, between two batches.

    `complain` is told of what failed and will be tried again.
    """

    def __init__(
        self, reader: Reader, store: Store, ledger: Ledger, complain: Callable[[str, Exception], None]
    ) -> None:
        self._reader = reader
        self._store = store
        self._ledger = ledger
        self._complain = complain
        self._told: frozenset[str] = frozenset()

    def look(self) -> None:
        """Tell what is new. Only when everything that was read is committed."""
        late = self._store.late()
        if late:
            self._ledger.late(late)
        absent = self._ledger.absent  # before the look at the folder: who comes in between is not among them
        self._told &= absent
        if absent == self._told:
            return
        try:
            for holder in sorted(absent - self._told - self._reader.writers()):
                self._ledger.close(holder, self._store.spent(holder))
                self._told |= {holder}
        except (StoreBusy, OSError) as error:
            self._complain("charges", error)


class LoopLedger:
    """An authority on an event loop, for another thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def absent(self) -> frozenset[str]:
        """Holders that are not closed and not connected now."""
        return self._server.absent

    @property
    def unclosed(self) -> frozenset[str]:
        """Holders that are not closed, connected or not."""
        return self._server.unclosed

    def is_over(self, balance: Balance) -> bool:
        """Whether a balance counts no more."""
        return self._server.is_over(Place(*balance))

    def close(self, holder: str, spent: Mapping[Balance, int]) -> None:
        """End all leases of a holder that is gone, soon."""
        places = {Place(*balance): amount for balance, amount in spent.items()}
        self._loop.call_soon_threadsafe(self._close, holder, places)

    def late(self, totals: Mapping[ChargeKey, int]) -> None:
        """Note what became known late, soon."""
        self._loop.call_soon_threadsafe(self._late, totals)

    def cross(self, crossings: Sequence[Crossing]) -> None:
        """Bar models whose bound was crossed, durably."""
        crossing = asyncio.run_coroutine_threadsafe(self._server.bars.cross(crossings), self._loop)
        try:
            crossing.result(CROSSING_S)
        except TimeoutError:
            crossing.cancel()
            raise

    async def told(self) -> None:
        """Wait until the ledger has written down what it was told, as long as the disk takes it."""
        await asyncio.sleep(0)
        if self._closing:
            await asyncio.wait(self._closing, timeout=PATIENCE_S)

    def _close(self, holder: str, spent: Mapping[Place, int]) -> None:
        if holder not in self._server.absent:
            return  # it is here again; if it is gone once more, that is told once more
        task = self._loop.create_task(self._server.close(holder, spent), name=f"closing {holder}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _late(self, totals: Mapping[ChargeKey, int]) -> None:
        for (holder, series, start_s), total in totals.items():
            self._server.late(holder, Place(series, start_s), total)
