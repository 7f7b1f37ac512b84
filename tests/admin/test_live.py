"""Exchanges are seen as they are stored, by any EventSource; a break costs nothing, and nobody holds anybody up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin import live
from gateway.admin.live import PATH, Watching
from gateway.admin.tail import Tail
from gateway.core.record import public
from tests.admin.parts import Port, serving
from tests.http.uv import until
from tests.records import finished, record

LIMIT_S = 20.0


class Event(NamedTuple):
    """An event as an EventSource reads it; `kind` "" where only its id counts."""

    id: str
    kind: str
    data: str


class Source:
    """Reads events as the standard says."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def event(self) -> Event | None:
        """Read the next one; None: the end."""
        fields = {"id": "", "event": "", "data": ""}
        async with asyncio.timeout(LIMIT_S):
            while line := await self.answer.content.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name in fields:
                    fields[name] = value
                if line == b"\n":
                    return Event(*fields.values())
        return None

    async def exchanges(self, count: int) -> list[str]:
        """Read on until so many exchanges came; return their ids."""
        found: list[str] = []
        while len(found) < count:
            event = await self.event()
            assert event is not None
            if event.kind == "exchange":
                found.append(orjson.loads(event.data)["id"])
        return found


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def watch(port: Port, query: str = "", **headers: str) -> Source:
    """Begin to watch, and wait until it has begun."""
    source = Source(await port.ask(PATH + query, **headers))
    assert 200 == source.answer.status
    first = await source.event()
    assert first is not None
    assert first.id
    return source


async def test_exchanges_come_as_they_are_stored(port: Port) -> None:
    """Not those from before; as everywhere else, and with an id to go on from."""
    port.store.commit([finished(record())], {})
    source = await watch(port)
    one = record()
    port.store.commit([finished(one)], {})
    event = await source.event()

    assert event is not None
    assert ("exchange", public(one)) == (event.kind, orjson.loads(event.data))
    assert event.id.isdigit()
    assert "text/event-stream" == source.answer.headers["Content-Type"]
    assert "no-store" == source.answer.headers["Cache-Control"]
    source.answer.close()


async def test_filters_are_those_of_the_log(port: Port) -> None:
    """Also the text of bodies; what makes no sense here is named."""
    source = await watch(port, "?team=se*&status=5xx&text=needle")
    wanted = record(status=502)
    some = [finished(record(status=502)), finished(record()), finished(record(status=502, team="web"), b"a needle")]
    port.store.commit([*some, finished(wanted, b"a needle")], {})

    assert [wanted.id] == await source.exchanges(1)
    source.answer.close()
    for name in ("limit", "cursor", "colour", "after"):
        assert name == (await port.json(f"{PATH}?{name}=x", 400))["error"]["param"]


@pytest.mark.parametrize("how", ["header", "parameter", "both"])
async def test_a_break_loses_nothing(port: Port, how: str) -> None:
    """From the id of the last event on: what was stored meanwhile comes, once. A browser repeats its first address."""
    source = await watch(port)
    first, second, third = (record() for _ in range(3))
    port.store.commit([finished(first)], {})
    event = await source.event()
    assert event is not None
    source.answer.close()
    port.store.commit([finished(second)], {})
    query = {"header": "", "parameter": f"?after={event.id}", "both": "?after=1"}[how]
    source = await watch(port, query, **({} if how == "parameter" else {"Last_Event_ID": event.id}))
    port.store.commit([finished(third)], {})

    assert [second.id, third.id] == await source.exchanges(2)
    source.answer.close()


async def serve(port: Port, **settings: float) -> tuple[TestClient[web.Request, web.Application], Tail]:
    """Serve the path alone, with other times."""
    tail = Tail(port.sources.store.following(), poll_s=0.005)
    watching = Watching(port.sources, tail=tail, **settings)
    app = web.Application()
    app.add_routes(watching.routes())
    app.on_shutdown.append(watching.end)
    client = TestClient(TestServer(app))
    await client.start_server()
    return client, tail


async def test_a_sign_of_life_where_nothing_comes(port: Port) -> None:
    """And where nothing that comes matches: with the position, so that a break then costs nothing either."""
    client, _ = await serve(port, beat_s=0.1)
    source = Source(await client.get(f"{PATH}?team=nobody"))
    first = await source.event()
    storing = asyncio.create_task(_stores_on(port))
    later = [await source.event() for _ in range(3)]
    storing.cancel()
    source.answer.close()
    await client.close()

    assert first is not None
    assert ("", "") == (first.kind, first.data)
    assert None not in later
    assert int(first.id) < max(int(event.id) for event in later if event is not None)


async def _stores_on(port: Port) -> None:
    while True:
        port.store.commit([finished(record())], {})
        await asyncio.sleep(0.01)


async def test_who_takes_nothing_is_cut(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no memory for long, and others get theirs meanwhile."""
    client, tail = await serve(port, patience_s=0.2)
    assert client.port is not None
    with socket.create_connection(("127.0.0.1", client.port)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % PATH.encode())
        source = Source(await client.get(PATH))
        await source.event()
        for _ in range(20):
            batch = [record(error="x" * 10_000) for _ in range(50)]
            port.store.commit([finished(one) for one in batch], {})
            assert [one.id for one in batch] == await source.exchanges(50)
        await until(lambda: tail.watchers == 1)
    source.answer.close()
    await client.close()


async def test_streams_end_behind_a_whole_event_when_the_port_closes(port: Port) -> None:
    """As HTTP ends an answer: an EventSource then comes back by itself."""
    client, _ = await serve(port)
    source = Source(await client.get(PATH))
    await source.event()
    one = record()
    port.store.commit([finished(one)], {})
    assert [one.id] == await source.exchanges(1)
    async with asyncio.timeout(LIMIT_S):
        await client.server.close()

        assert await source.event() is None
    await client.close()


async def test_so_many_watch_and_no_more(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is told so; a place that is left is free again."""
    monkeypatch.setattr(live, "MOST_WATCHERS", 1)
    source = await watch(port)
    assert "1 watch already" in (await port.json(PATH, 503))["error"]["message"]
    source.answer.close()
    port.store.commit([finished(record())], {})
    async with asyncio.timeout(LIMIT_S):
        while (answer := await port.ask(PATH)).status == 503:
            port.store.commit([finished(record())], {})
            await asyncio.sleep(0.02)

    assert 200 == answer.status
    answer.close()
