"""Where are the exchanges that were accepted? Running, stored, on their way between, or lost: nothing else.

Workers count what they accept before its first frame is written, and what has ended before its last one is. So who
reads what is stored first, and what was accepted after that, never finds more stored than accepted. What is missing at
an instant of quiet (everything written was read and stored, and no worker began or ended anything meanwhile) is lost.
"""

import threading
import time
from typing import NamedTuple

from gateway.metrics import board, catalogue
from gateway.metrics.alive import is_alive
from gateway.metrics.board import SLOTS, Board, Slot
from gateway.metrics.debts import TotalKey

STORED: TotalKey = (catalogue.STORED.name, (), "")
APPEND_FAILED, CORRUPT, DIED, UNKNOWN = "append_failed", "corrupt", "worker_died", "unknown"
_CELLS = {CORRUPT: board.LOST_CORRUPT, DIED: board.LOST_DIED, UNKNOWN: board.LOST_UNKNOWN}


class Books(NamedTuple):
    """One view of them: accepted = running + stored + spooled + dropped."""

    accepted: int
    running: int
    stored: int
    spooled: int
    dropped: dict[str, int]


class Quiet(NamedTuple):
    """What the recording thread knows when it has nothing to do.

    `stored`: rows, ever. `open`: exchanges whose end is not in the journal. `corrupt`: damage that it has met.
    """

    stored: int
    open: int
    corrupt: int


class _Sight(NamedTuple):
    accepted: int
    ended: int
    seen_at_ms: int


class Reckoning:
    """Keeps what was found out on the recorder's row of the board. Safe from two threads."""

    def __init__(self, shared: Board) -> None:
        self._slots = [shared.slot(index) for index in range(SLOTS)]
        self._own = shared.slot(board.RECORDER)
        self._lock = threading.Lock()
        self._sight: _Sight | None = None  # nothing began or ended since
        self._has_flushed = False  # and all workers have written down since then what they had in hand
        self._corrupt = 0

    def view(self, stored: int) -> Books:
        """Look now; `stored` was read just before."""
        with self._lock:
            return self._view(stored, 0)

    def running(self, slot: Slot) -> int:
        """Count what a worker is at."""
        return _running(slot) if is_alive(slot.get(board.PID)) else 0

    def look(self, quiet: Quiet) -> None:
        """Find out what is lost, if this is an instant to tell; called between two turns that found nothing new."""
        with self._lock:
            seen = self._seen()
            before = self._sight
            if before is None or seen[:2] != before[:2]:
                self._sight, self._has_flushed = seen, False
            elif not self._has_flushed:
                # A worker writes down what it holds before its loop turns again; its heart beats on the loop.
                self._has_flushed = all(slot.get(board.HEARTBEAT_MS) > before.seen_at_ms for slot in self._living())
            else:
                self._settle(quiet)
                self._sight = None

    def _settle(self, quiet: Quiet) -> None:
        starts = sum(slot.get(board.STARTS) for slot in self._slots)
        missing = self._view(quiet.stored, quiet.open).spooled
        if missing:
            self._own.add(_CELLS[self._suspect(quiet.corrupt, starts)], missing)
        self._corrupt = quiet.corrupt
        self._own.set(board.KNOWN_STARTS, starts)

    def _suspect(self, corrupt: int, starts: int) -> str:
        """Name what has happened since the last time that can lose exchanges."""
        if corrupt > self._corrupt:
            return CORRUPT
        return DIED if starts > self._own.get(board.KNOWN_STARTS) else UNKNOWN

    def _view(self, stored: int, unended: int) -> Books:
        """`unended`: at least so many run, or may as well."""
        dropped = {reason: self._own.get(cell) for reason, cell in _CELLS.items()}
        dropped[APPEND_FAILED] = sum(slot.get(board.DROPPED) for slot in self._slots)
        lost = sum(dropped.values())
        living = self._living()
        running = max(unended, sum(_running(slot) for slot in living))
        accepted = sum(slot.get(board.ACCEPTED) for slot in self._slots) + self._own.get(board.EARLIER)
        surplus = stored + lost - accepted
        if surplus > 0:  # rows of a journal, or of a store, that is older than the board
            self._own.add(board.EARLIER, surplus)
            accepted += surplus
        running = min(running, accepted - stored - lost)
        return Books(accepted, running, stored, accepted - running - stored - lost, dropped)

    def _living(self) -> list[Slot]:
        return [slot for slot in self._slots if is_alive(slot.get(board.PID))]

    def _seen(self) -> _Sight:
        ended = sum(slot.get(board.ENDED) for slot in self._slots)
        accepted = sum(slot.get(board.ACCEPTED) for slot in self._slots)
        return _Sight(accepted, ended, time.time_ns() // 1_000_000)


def _running(slot: Slot) -> int:
    # What ended is read first; and a worker whose supervisor was killed may end what it was at in the row of the next.
    ended = slot.get(board.ENDED)
    return max(0, slot.get(board.ACCEPTED) - ended)
