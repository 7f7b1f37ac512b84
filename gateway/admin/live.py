"""How does one watch exchanges as they are stored? /api/exchanges/live of the admin port: server-sent events."""

import asyncio
from typing import Final

from aiohttp import web

from gateway.admin.answers import TooMany, parameters
from gateway.admin.sources import Sources
from gateway.admin.tail import Tail
from gateway.store.asking import query
from gateway.store.filters import BadFilter
from gateway.store.following import Position
from gateway.store.interface import Query

PATH: Final = "/api/exchanges/live"
BEAT_S: Final = 15.0
PATIENCE_S: Final = 30.0  # who takes nothing for so long is cut: it can resume
MOST_WATCHERS: Final = 100
_RETRY_MS: Final = 2_000
_PAGING: Final = ("limit", "cursor")
_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # proxies in between: do not hold it back
    "X-Content-Type-Options": "nosniff",
}


class Watching:
    """The path, and what all who are on it share. `beat_s`, `patience_s`: see BEAT_S, PATIENCE_S."""

    def __init__(
        self, sources: Sources, *, tail: Tail | None = None, beat_s: float = BEAT_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._sources = sources
        self._tail = tail or Tail(sources.store.following())
        self._beat_s = beat_s
        self._patience_s = patience_s

    def routes(self) -> list[web.RouteDef]:
        """Say what is served where."""
        return [web.get(PATH, self._live)]

    async def end(self, _: web.Application) -> None:
        """End all streams, each behind a whole event."""
        self._tail.end()

    async def _live(self, request: web.Request) -> web.StreamResponse:
        asked = parameters(request)
        noted = _noted(request.headers.get("Last-Event-ID") or asked.pop("after", None))
        asked.pop("after", None)  # a browser that resumes repeats the address that it began with
        for name in _PAGING:
            if name in asked:
                raise BadFilter(name, "is for pages, and here is none")
        wanted = query(asked, self._sources.now_ms())
        if request.method == "HEAD":
            return web.Response(headers=_HEADERS)
        if self._tail.watchers >= MOST_WATCHERS:
            raise TooMany(f"{MOST_WATCHERS} watch already: close some, or ask /api/exchanges now and then")
        with self._tail.watching():
            position = await self._tail.newest() if noted is None else noted
            answer = web.StreamResponse(headers=_HEADERS)
            await answer.prepare(request)
            try:
                await self._send(answer, b"retry: %d\n%b" % (_RETRY_MS, _beat(position)))
                await self._relay(answer, position, wanted)
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # it left
            return answer

    async def _relay(self, answer: web.StreamResponse, position: Position, wanted: Query) -> None:
        """Send what comes, and a sign of life where nothing does."""
        clock = asyncio.get_running_loop().time
        beat_at_s = clock() + self._beat_s
        while not self._tail.has_ended:
            try:
                async with asyncio.timeout_at(beat_at_s):
                    news = await self._tail.next(position, wanted)
            except TimeoutError:
                await self._send(answer, _beat(position))
                beat_at_s = clock() + self._beat_s
                continue
            if news is None:
                return
            position = news.position
            if news.events:
                await self._send(answer, news.events)
                beat_at_s = clock() + self._beat_s

    async def _send(self, answer: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._patience_s):
            await answer.write(data)


def _beat(position: Position) -> bytes:
    """Write a comment, and the position, so that who resumes need not look at all that did not match again."""
    return b": beat\nid: %d\n\n" % position.seq


def _noted(text: str | None) -> Position | None:
    """Read a position that somebody noted."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadFilter("after", f"the id of an event of this path, not {text!r}")
    return Position.after(int(text))
