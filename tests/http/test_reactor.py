"""What connections share of their loop."""

import asyncio

from gateway.http.reactor import Reactor
from tests.http.test_outbox import Wire
from tests.http.uv import on_uvloop


@on_uvloop
async def test_stopping_sends_what_is_left() -> None:
    """Nothing that was said is kept back by the end."""
    noted: list[object] = []
    reactor = Reactor(asyncio.get_running_loop())
    reactor.start()
    reactor.outbox.write(Wire(noted), b"bye")
    reactor.stop()

    assert [b"bye"] == noted
