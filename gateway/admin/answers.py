"""How does the admin port answer? JSON, also for errors; and a question that makes no sense is named."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.admin.sources import Sources
from gateway.core.record import public_json
from gateway.store.asking import instant_ms
from gateway.store.filters import BadFilter

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Asked = Callable[[Sources, web.Request], Awaitable[web.StreamResponse]]


class NotThere(Exception):
    """What the path names is not there; the text says what is."""


class NotKept(Exception):
    """What the path names was, and is not kept; the text says why."""


class NotNow(Exception):
    """It cannot be done now, and will be possible again; the text says why."""


class TooMany(Exception):
    """So many do this already that one more would be at the cost of the others."""


def shown(value: Mapping[str, Any], status: int = 200) -> web.Response:
    """Answer with an object."""
    return web.Response(body=public_json(value), status=status, content_type="application/json")


def refused(status: int, message: str, **more: str) -> web.Response:
    """Say what is wrong. `more`: such as `param`, what of the question it is about."""
    return shown({"error": {"message": message, **more}}, status)


def parameters(request: web.Request) -> dict[str, str]:
    """Return the query's parameters; raise BadFilter for one that is given twice."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise BadFilter(name, "given more than once")
    return dict(request.query)


def only(request: web.Request, *known: str) -> dict[str, str]:
    """Return the query's parameters; raise BadFilter for one that is not known here."""
    found = parameters(request)
    if unknown := set(found) - set(known):
        there = f"there are {', '.join(known)}" if known else "this path has none"
        raise BadFilter(min(unknown), f"there is no such parameter; {there}")
    return found


def instant(found: Mapping[str, str], name: str, now_ms: int, usual: str = "0s") -> int:
    """Read a parameter that is a time: an age, or ISO 8601. `usual`: what it is unless somebody says so."""
    try:
        return instant_ms(found.get(name, usual), now_ms)
    except ValueError as error:
        raise BadFilter(name, str(error)) from None


def bound(handler: Asked, sources: Sources) -> Handler:
    """Give a handler what it may ask."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(sources, request)

    return handle
