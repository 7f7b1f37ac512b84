"""How is a plugin process listened to? With a rest after each read: what it says meanwhile is heard together."""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.evaluation.protocol import DETAIL_BYTES

# Waking up costs more than most of what there is to hear, and beside traffic it costs others, too. A process has jobs
# for longer than LINE_REST_S in its hands; where a judge is asked it has one, but that takes much longer.
LINE_REST_S: Final = 0.002
WORDS_REST_S: Final = 0.05
WORDS_BYTES: Final = DETAIL_BYTES  # kept of what a process printed
_READ_BYTES: Final = 256 << 10  # all that a socket holds, at once


class _Resting:
    """Rests after each read; who sends without end waits meanwhile."""

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._transport: asyncio.Transport | None = None
        self._waking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a socket
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """End."""
        if self._waking is not None:
            self._waking.cancel()
        self._transport = None

    def rest(self) -> None:
        """Read nothing for a while."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._waking = asyncio.get_running_loop().call_later(self._rest_s, self.wake)

    def wake(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Read no more."""
        if self._transport is not None:
            self._transport.close()


class Line(_Resting, asyncio.Protocol):
    """The socket that messages come by."""

    def __init__(self, hear: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        super().__init__(LINE_REST_S)
        self._hear = hear
        self._lost = lost

    def data_received(self, data: bytes) -> None:
        """Hear what has come."""
        self._hear(data)
        self.rest()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the end."""
        super().connection_lost(error)
        self._lost()


class Words(_Resting, asyncio.BufferedProtocol):
    """Reads what a process prints, without end if need be, and keeps the end of it."""

    def __init__(self) -> None:
        super().__init__(WORDS_REST_S)
        self._buffer = bytearray(_READ_BYTES)
        self._kept = b""
        self._hears_out = False
        self.ended = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the end."""
        super().connection_lost(error)
        self.ended.set()

    def get_buffer(self, _: int) -> bytearray:
        """Say where to read to."""
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        """Keep the end."""
        new = bytes(self._buffer[max(0, count - WORDS_BYTES) : count])
        self._kept = (self._kept + new)[-WORDS_BYTES:]
        if not self._hears_out:
            self.rest()

    def hear_out(self) -> None:
        """Rest no more: the process has ended, and what it printed last is to be had at once."""
        self._hears_out = True
        self.wake()

    def text(self, most_bytes: int) -> str:
        """Return the end of it."""
        return self._kept[-most_bytes:].decode("utf-8", "replace").strip()
