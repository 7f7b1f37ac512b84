"""How does the admin port answer? JSON, also for errors; and a question that makes no sense is named."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.core.record import public_json
from gateway.store.filters import BadFilter


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
