"""What did exchanges add up to, by group and over time? /api/spend and /api/series of the admin port."""

from collections.abc import Mapping

from aiohttp import web

from gateway.admin.answers import bound, parameters, shown
from gateway.admin.sources import Sources
from gateway.store.asking import query
from gateway.store.filters import BadFilter
from gateway.store.shown import public_spending

# So many groups are told unless said otherwise; the total holds all.
GROUPS_SHOWN = 1_000


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/spend", bound(_spend, sources)), web.get("/api/series", bound(_series, sources))]


async def _spend(sources: Sources, request: web.Request) -> web.Response:
    asked = parameters(request)
    _refuse(asked, "cursor")
    by = asked.pop("by", "team")
    wanted = query({"limit": str(GROUPS_SHOWN), **asked}, sources.now_ms())
    return shown(public_spending(await sources.store.spend(by, wanted, limit=wanted.limit), by))


async def _series(sources: Sources, request: web.Request) -> web.Response:
    asked = parameters(request)
    _refuse(asked, "limit", "cursor")
    step, by = asked.pop("step", "day"), asked.pop("by", None)
    wanted = query(asked, sources.now_ms())
    return shown(public_spending(await sources.store.series(wanted, step, by), by, step))


def _refuse(asked: Mapping[str, str], *paging: str) -> None:
    """Sums have no pages: a cursor would leave exchanges out of them."""
    for name in paging:
        if name in asked:
            raise BadFilter(name, "is for pages, and here is none")
