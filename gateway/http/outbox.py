"""What one turn of the event loop has to send leaves together at the turn's end."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

# So many writes do not wait for the end of a long turn: that bounds what waiting adds to an event's way.
_MOST_WRITES: Final = 32
# Nor do so many bytes: libuv reads up to 32 times before a turn ends, and only a write tells that nobody takes more.
_MOST_BYTES: Final = 64 * 1024


def _nothing() -> None: ...


class Outbox:
    """The writes of all connections of one worker, in order, held until the turn that made them ends.

    `first` is called before any byte of a turn leaves: the journal writes the turn's frames there, in one piece, so
    that no client and no provider sees a byte before what it means is written down. Sending back to back also wakes
    the other side once instead of each time, which is the larger part of what a small write costs.
    Whoever closes a connection flushes first.
    """

    __slots__ = ("_held_bytes", "_loop", "_scheduled", "_writes", "first")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writes: deque[tuple[Any, bytes, bytes]] = deque()
        self._held_bytes = 0
        self._scheduled = False
        self.first: Callable[[], object] = _nothing

    def due(self) -> None:
        """Flush at the end of this turn."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._end_turn)

    def write(self, transport: Any, data: bytes, more: bytes = b"") -> None:
        """Send `data`, and `more` behind it where joining the two would copy a long body."""
        self._writes.append((transport, data, more))
        self._held_bytes += len(data) + len(more)
        if self._held_bytes >= _MOST_BYTES or len(self._writes) >= _MOST_WRITES:
            self.flush()
        elif not self._scheduled:
            self.due()

    def flush(self) -> None:
        """Send now."""
        self.first()
        self._held_bytes = 0
        writes = self._writes
        while writes:
            transport, data, more = writes.popleft()
            if transport.is_closing():
                continue
            try:
                if more:
                    transport.writelines((data, more))
                else:
                    transport.write(data)
            except RuntimeError:  # uvloop raises once the peer has reset; connection_lost follows
                continue

    def _end_turn(self) -> None:
        self._scheduled = False
        self.flush()
