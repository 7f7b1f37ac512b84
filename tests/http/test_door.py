"""Workers share one listening socket; who has too much stands back without losing what is queued."""

import asyncio
import socket

import pytest

from gateway.http.door import Door
from gateway.http.guard import Limits
from gateway.http.reactor import Reactor
from gateway.http.site import Site
from tests.http.test_server import Page
from tests.http.uv import on_uvloop, until


@on_uvloop
async def test_a_door_stands_back_and_comes_back() -> None:
    """While it stands back connections wait in the queue, and are served when it is open again."""
    reactor = Reactor(asyncio.get_running_loop())
    site = Site(Page, reactor, limits=Limits())
    listener = socket.create_server(("127.0.0.1", 0))
    allowed = True
    door = Door(listener, site, lambda count: allowed)
    await door.open()
    port = listener.getsockname()[1]
    _, first = await asyncio.open_connection("127.0.0.1", port)
    await until(lambda: len(site.connections) == 1)

    allowed = False
    door.balance()
    _, second = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)  # long enough for an open door to take it
    assert 1 == len(site.connections)
    allowed = True
    door.balance()
    await until(lambda: len(site.connections) == 2)

    await door.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
    for writer in (first, second):
        writer.close()
    await until(lambda: not site.connections)
    reactor.stop()


@on_uvloop
async def test_who_stands_in_the_queue_at_the_end_is_let_in() -> None:
    """The kernel would reset them: closing lets them in first, also when the door stood back."""
    reactor = Reactor(asyncio.get_running_loop())
    site = Site(Page, reactor, limits=Limits())
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(listener, site, lambda count: False)
    port = listener.getsockname()[1]
    queued = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]

    await door.close()

    assert 3 == len(site.connections)
    for _, writer in queued:
        writer.close()
    await until(lambda: not site.connections)
    reactor.stop()
