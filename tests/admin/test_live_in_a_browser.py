"""A real browser's EventSource watches, and goes on by itself after a break."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.admin.live import PATH, Watching
from gateway.admin.tail import Tail
from tests.admin.parts import Port, serving
from tests.records import finished, record

LIMIT_S = 60.0
PAGE = f"""<!doctype html><script>
const source = new EventSource("{PATH}?team=search");
source.onopen = () => fetch("/seen?what=open");
source.addEventListener("exchange", (event) => fetch("/seen?what=" + JSON.parse(event.data).id));
</script>"""

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium here")


class Site:
    """The path, a page that watches it, and what that page has seen. `breaks`: streams that were cut."""

    def __init__(self, port: Port) -> None:
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        self._watching = Watching(port.sources, tail=Tail(port.sources.store.following(), poll_s=0.01))
        self._streams: list[web.Request] = []
        app = web.Application(middlewares=[self._noting])
        app.add_routes([*self._watching.routes(), web.get("/page", self._page), web.get("/seen", self._see)])
        app.on_shutdown.append(self._watching.end)
        self.server = TestServer(app)

    @web.middleware
    async def _noting(self, request: web.Request, handler: object) -> web.StreamResponse:
        if request.path == PATH:
            self._streams.append(request)
        return await handler(request)  # type: ignore[operator, no-any-return]

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def _see(self, request: web.Request) -> web.Response:
        self.seen.put_nowait(request.query["what"])
        return web.Response()

    async def next(self) -> str:
        """Wait for what the page sees next."""
        async with asyncio.timeout(LIMIT_S):
            return await self.seen.get()

    def cut(self) -> None:
        """Break the line."""
        transport = self._streams[-1].transport
        assert transport is not None
        transport.abort()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Port, Site]]:
    """A port, and a browser that watches it."""
    async with serving(tmp_path) as port:
        site = Site(port)
        await site.server.start_server()
        browser = await asyncio.create_subprocess_exec(
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--no-first-run", "--remote-debugging-port=0", "--no-proxy-server", str(site.server.make_url("/page"))),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield port, site
        finally:
            browser.kill()
            await browser.wait()
            await site.server.close()


async def test_a_browser_sees_every_exchange_once_over_a_break(site: tuple[Port, Site]) -> None:
    """What is stored while it is gone comes when it is back."""
    port, page = site
    first, second, third = (record() for _ in range(3))
    assert "open" == await page.next()
    port.store.commit([finished(first)], {})
    assert first.id == await page.next()
    page.cut()
    port.store.commit([finished(second), finished(record(team="web"))], {})
    assert "open" == await page.next()
    assert second.id == await page.next()
    port.store.commit([finished(third)], {})

    assert third.id == await page.next()
    assert page.seen.empty()
