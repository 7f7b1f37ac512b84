"""What connections share."""

import asyncio

from gateway.http.guard import BadRequest, Limits
from gateway.http.reactor import Reactor
from gateway.http.site import Site, plain_bad_request
from tests.http.uv import on_uvloop


class Idle:
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def close_if_idle(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")


@on_uvloop
async def test_draining_reaches_every_connection() -> None:
    """And stays."""
    reactor = Reactor(asyncio.get_running_loop())
    site = Site(lambda *_: None, reactor, limits=Limits())  # type: ignore[arg-type,return-value]
    connection = Idle()
    site.connections.add(connection)
    site.drain()

    assert (["close"], True) == (connection.told, site.draining)
    reactor.stop()


def test_bad_message_is_said_plainly_by_default() -> None:
    """An application can say it its own way."""
    block, body = plain_bad_request(BadRequest(400, "no Host"))

    assert b"text/plain" in block
    assert b"no Host\n" == body
