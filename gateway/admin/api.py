"""The admin port: metrics for Prometheus, health, the log and the budgets as JSON. What must wait does so elsewhere."""

import asyncio
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.admin.answers import refused, shown
from gateway.admin.budgets import BudgetPaths, NoLedger, NoSuchBar, NoSuchBudget
from gateway.admin.log import LogPaths
from gateway.admin.orders import BadOrder
from gateway.ledger.server import Server
from gateway.metrics.render import Exposition
from gateway.policies.snapshot import Snapshot
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoSuchExchange, StoreRefused
from gateway.store.opening import QueryTimeout
from gateway.store.reader import StoreReader
from gateway.store.shown import public_exchange

# Never ask for a token: load balancers and Kubernetes have none.
_OPEN = frozenset({"/healthz", "/readyz"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_PORT = re.compile(r":\d+\Z")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the answers come from. `token`: what admin requests must carry now; None: nothing.

    `why_not_ready`: None when ready. `hosts`: names under which this port may be called without a token, beyond the
    local ones. `ledger`: who keeps the budgets' books; None: nobody, or not yet. `snapshot`: the config in force.
    """

    store: StoreReader
    exposition: Exposition
    why_not_ready: Callable[[], str | None]
    token: Callable[[], str | None]
    ledger: Callable[[], Server | None]
    snapshot: Callable[[], Snapshot]
    hosts: frozenset[str] = frozenset()
    now: Callable[[], float] = time.time


def make_app(sources: Sources) -> web.Application:
    """Build the application."""
    app = web.Application(middlewares=[_refusing(sources), _translating])
    app.add_routes(
        [
            web.get("/healthz", _healthz),
            web.get("/readyz", _bound(_readyz, sources)),
            web.get("/metrics", _bound(_metrics, sources)),
            *LogPaths(sources.store, sources.now).routes(),
            web.get("/api/exchanges/{id}", _bound(_exchange, sources)),
            *BudgetPaths(sources.ledger, sources.snapshot, sources.now).routes(),
        ]
    )
    return app


async def _healthz(_: web.Request) -> web.Response:
    return shown({"status": "ok"})


async def _readyz(sources: Sources, _: web.Request) -> web.Response:
    reason = sources.why_not_ready()
    if reason is not None:
        return shown({"status": "not ready", "reason": reason}, status=503)
    return shown({"status": "ready"})


async def _metrics(sources: Sources, request: web.Request) -> web.Response:
    body, content_type = await asyncio.to_thread(sources.exposition.render, request.headers.get("Accept", ""))
    response = web.Response(body=body, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


async def _exchange(sources: Sources, request: web.Request) -> web.Response:
    return shown(public_exchange(await sources.store.exchange(request.match_info["id"])))


def _refusing(sources: Sources) -> Any:
    """Ask for the token; without one serve only who calls this port by a local name.

    A web page can make a browser call 127.0.0.1 under a name of its own (DNS rebinding), but not under ours. Under ours
    it can make it post, though not JSON: so nothing else changes anything.
    """

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _OPEN:
            return await handler(request)
        if _may_change(request) and request.content_type != "application/json":
            return refused(415, "what changes something must be JSON: Content-Type: application/json")
        token = sources.token()
        if token is None:
            if _PORT.sub("", request.host) not in _LOCAL_HOSTS | sources.hosts:
                return refused(403, "without an admin_token this port answers only to its local address")
            return await handler(request)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            answer = refused(401, "this port needs its admin_token: Authorization: Bearer …")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        return await handler(request)

    return refuse


def _may_change(request: web.Request) -> bool:
    """Whether it is a request that something is done with, which is not only read."""
    return request.method not in _READING and request.match_info.http_exception is None


@web.middleware
async def _translating(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what the store says into statuses."""
    try:
        return await handler(request)
    except (BadFilter, BadOrder) as error:
        return refused(400, f"{error.name}: {error}" if error.name else str(error), param=error.name)
    except (NoSuchExchange, NoSuchBudget, NoSuchBar) as error:
        return refused(404, str(error))
    except AmbiguousId as error:
        return refused(409, str(error), param="id")
    except (QueryTimeout, StoreRefused, NoLedger) as error:
        return refused(503, str(error))
    except web.HTTPNotFound:
        return refused(404, f"nothing is served here; there are {', '.join(_paths(request.app))}")
    except web.HTTPException as error:
        return refused(error.status, error.reason)


def _paths(app: web.Application) -> list[str]:
    return [resource.canonical for resource in app.router.resources()]


def _bound(handler: Callable[[Sources, web.Request], Awaitable[web.Response]], sources: Sources) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(sources, request)

    return handle
