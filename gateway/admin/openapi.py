"""What does the admin port promise? `openapi.json` beside this module, as it is served; tests hold the server to it."""

from importlib.resources import files
from typing import Any

import orjson
from aiohttp import web

from gateway.admin.answers import only

PATH = "/api/openapi.json"


def routes() -> list[web.RouteDef]:
    """Say what is served where."""
    body = text()

    async def served(request: web.Request) -> web.Response:
        only(request)
        return web.Response(body=body, content_type="application/json")

    return [web.get(PATH, served)]


def text() -> bytes:
    """Return the file."""
    return files(__package__).joinpath("openapi.json").read_bytes()


def document() -> dict[str, Any]:
    """Return what stands in it."""
    found: dict[str, Any] = orjson.loads(text())
    return found
