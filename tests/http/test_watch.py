"""Deadlines are looked at all the time, and hang-ups are heard while nothing is read."""

import asyncio
import socket

from gateway.http.watch import Hangups, Watch
from tests.http.uv import on_uvloop, until


class Looked:
    """Counts looks and hang-ups."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.hung = 0

    def check(self, now: float) -> None:
        self.times.append(now)

    def hung_up(self) -> None:
        self.hung += 1


@on_uvloop
async def test_every_watched_connection_is_looked_at_until_it_is_discarded() -> None:
    """Discarding twice is no harm."""
    watch, looked = Watch(asyncio.get_running_loop(), interval_s=0.005), Looked()
    watch.add(looked)
    watch.start()
    await until(lambda: len(looked.times) >= 3)
    watch.discard(looked)
    watch.discard(looked)
    seen = len(looked.times)
    other = Looked()
    watch.add(other)
    await until(lambda: len(other.times) >= 2)
    watch.stop()

    assert seen == len(looked.times)


@on_uvloop
async def test_a_peer_that_leaves_is_heard_once() -> None:
    """Without a byte being read; a forgotten one is not heard."""
    hangups = Hangups(asyncio.get_running_loop())
    pairs = [socket.socketpair() for _ in range(2)]
    heard, forgotten = Looked(), Looked()
    hangups.watch(heard, pairs[0][0].fileno())
    hangups.watch(forgotten, pairs[1][0].fileno())
    hangups.forget(forgotten)
    hangups.forget(forgotten)
    for _, theirs in pairs:
        theirs.sendall(b"unread")
        theirs.close()

    await until(lambda: heard.hung)
    assert (1, 0) == (heard.hung, forgotten.hung)
    hangups.close()
    for ours, _ in pairs:
        ours.close()
