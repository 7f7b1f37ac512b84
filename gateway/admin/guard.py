"""Who may call the admin port? Whoever has its token; without one, whoever calls it by a local name."""

import hmac
import re
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from gateway.admin.answers import Handler, refused
from gateway.admin.scrape import PATH as METRICS
from gateway.admin.sources import Sources

# Never ask for a token: load balancers and Kubernetes have none, and neither has a browser that is opened here. They
# say nothing that a document does not.
OPEN = frozenset({"/", "/healthz", "/readyz"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT = re.compile(r":\d+\Z")


def guarding(sources: Sources) -> Any:
    """Ask for the token; without one serve only who calls this port by a local name.

    A web page can make a browser call 127.0.0.1 under a name of its own (DNS rebinding), but not under ours. Under ours
    it can make it post, though not JSON: so nothing else changes anything.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN:
            return await handler(request)
        if _may_change(request) and request.content_type != "application/json":
            return refused(415, "what changes something must be JSON: Content-Type: application/json")
        tokens = _tokens(sources, request.path)
        if not tokens:
            if _PORT.sub("", request.host) not in _LOCAL_HOSTS | sources.hosts:
                return refused(403, "without an admin_token this port answers only to its local address")
            return await handler(request)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not _is_one_of(tokens, given.strip()):
            which = "admin_token" if tokens == [sources.token()] else "metrics_token"
            answer = refused(401, f"this needs the {which}: Authorization: Bearer …")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        return await handler(request)

    return guard


def _tokens(sources: Sources, path: str) -> list[str]:
    """List what opens a path: with a metrics_token a scrape needs that one, or the admin's."""
    admin, metrics = sources.token(), sources.metrics_token() if path == METRICS else None
    return [token for token in (admin, metrics) if token is not None]


def _is_one_of(tokens: Sequence[str], given: str) -> bool:
    return any([hmac.compare_digest(given.encode(), token.encode()) for token in tokens])


def _may_change(request: web.Request) -> bool:
    """Whether it is a request that something is done with, which is not only read."""
    return request.method not in _READING and request.match_info.http_exception is None
