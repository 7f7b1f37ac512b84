"""`GET /metrics`: the page for Prometheus, for who carries its token."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.metrics.render import Exposition

PATH = "/metrics"


def scrape(exposition: Exposition) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make the handler. The page is made and packed in a thread: nothing here may hold the loop up."""

    async def handle(request: web.Request) -> web.Response:
        accept, packed = request.headers.get("Accept", ""), "gzip" in request.headers.get("Accept-Encoding", "")
        page = await asyncio.to_thread(exposition.render, accept, packed=packed)
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if page.gzipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=page.body, headers=headers)

    return handle
