"""What connections share of their loop."""

import asyncio
import socket

from gateway.http.reactor import Reactor
from tests.http.test_outbox import Wire
from tests.http.uv import on_uvloop


class Paused:
    """A connection whose reading is paused."""

    told = False

    def hung_up(self) -> None:
        self.told = True


@on_uvloop
async def test_a_connection_may_end_after_its_reactor() -> None:
    """At the end of a drain the last ones say goodbye late; one that was paused is forgotten without an error."""
    here, there = socket.socketpair()
    reactor = Reactor(asyncio.get_running_loop())
    paused = Paused()
    reactor.hangups.watch(paused, here.fileno())
    reactor.stop()

    reactor.hangups.forget(paused)
    assert not paused.told
    here.close()
    there.close()


@on_uvloop
async def test_stopping_sends_what_is_left() -> None:
    """Nothing that was said is kept back by the end."""
    noted: list[object] = []
    reactor = Reactor(asyncio.get_running_loop())
    reactor.start()
    reactor.outbox.write(Wire(noted), b"bye")
    reactor.stop()

    assert [b"bye"] == noted
