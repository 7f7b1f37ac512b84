"""Deadlines without timers, and hang-ups that the event loop does not report."""

import asyncio
import fcntl
import select
import struct
import termios
from typing import Any, Protocol


class Watched(Protocol):
    """A connection with deadlines."""

    def check(self, now: float) -> None:
        """Act on deadlines that have passed; `now` is loop.time()."""


class Watch:
    """Look at every connection once in a while: cheaper than a timer per request, exact to the interval."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float = 0.5) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._last = loop.time()
        self.lag_s = 0.0  # how late the last look was: the loop's lag

    def start(self) -> None:
        """Begin looking."""
        self._last = self._loop.time()
        self._timer = self._loop.call_later(self._interval_s, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def add(self, watched: Watched) -> None:
        """Watch a connection until it is discarded."""
        self._watched.add(watched)

    def discard(self, watched: Watched) -> None:
        """Forget a connection; safe to call twice."""
        self._watched.discard(watched)

    def _look(self) -> None:
        now = self._loop.time()
        self.lag_s = max(0.0, now - self._last - self._interval_s)
        self._last = now
        self._timer = self._loop.call_later(self._interval_s, self._look)
        for watched in list(self._watched):
            watched.check(now)


class Paused(Protocol):
    """A connection whose reading is paused."""

    def hung_up(self) -> None:
        """The peer has gone."""


class Hangups:
    """Hear of peers that leave while reading from them is paused.

    A paused uvloop transport reports nothing, not even a reset. An epoll of our own that asks only for
    EPOLLRDHUP fires at once; it sits in the loop as one readable descriptor.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._by_fd: dict[int, Paused] = {}
        self._fd_of: dict[Paused, int] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, paused: Paused, fd: int) -> None:
        """Call `paused.hung_up()` once its peer leaves."""
        self._by_fd[fd] = paused
        self._fd_of[paused] = fd
        self._epoll.register(fd, select.EPOLLRDHUP | select.EPOLLONESHOT)

    def forget(self, paused: Paused) -> None:
        """Stop watching; safe to call for one that is not watched."""
        fd = self._fd_of.pop(paused, None)
        if fd is None:
            return
        self._by_fd.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except (OSError, ValueError):
            return  # the descriptor was closed first, which unregisters it, or this object was

    def close(self) -> None:
        """Release the descriptor."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            paused = self._by_fd.get(fd)
            if paused is not None:
                self.forget(paused)
                paused.hung_up()


def kernel_unsent(transport: Any) -> int:
    """Return how many bytes the kernel still holds for the peer (SIOCOUTQ)."""
    sock = transport.get_extra_info("socket")
    answer: bytes = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])


def kernel_unread(transport: Any) -> int:
    """Return how many bytes the kernel holds that the peer has sent and nobody has read (SIOCINQ)."""
    sock = transport.get_extra_info("socket")
    answer: bytes = fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
