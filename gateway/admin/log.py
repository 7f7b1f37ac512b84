"""What does the admin port tell of the log? Pages of exchanges, and sums over them, by group and over time."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from gateway.admin.answers import parameters, shown
from gateway.core.record import public
from gateway.store.asking import query, truth
from gateway.store.filters import BadFilter
from gateway.store.interface import Query
from gateway.store.reader import StoreReader
from gateway.store.shown import public_spending

# So many groups are told unless said otherwise; the total holds all.
GROUPS_SHOWN = 1_000


class LogPaths:
    """The paths under /api that read many exchanges at once."""

    def __init__(self, store: StoreReader, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """List them."""
        return [
            web.get("/api/exchanges", self._exchanges),
            web.get("/api/spend", self._spend),
            web.get("/api/series", self._series),
        ]

    async def _exchanges(self, request: web.Request) -> web.Response:
        asked = parameters(request)
        counting = _truth("count", asked.pop("count", "false"))
        wanted = self._query(asked)
        page = await self._store.exchanges(wanted)
        answer: dict[str, Any] = {
            "exchanges": [public(record) for record in page.records],
            "cursor": page.cursor,
            "complete": page.complete,
        }
        if counting:
            count = await self._store.count(wanted)
            answer |= {"count": count.found, "capped": count.capped, "count_complete": count.complete}
        return shown(answer)

    async def _spend(self, request: web.Request) -> web.Response:
        asked = parameters(request)
        by = asked.pop("by", "team")
        wanted = self._query({"limit": str(GROUPS_SHOWN), **asked})
        return shown(public_spending(await self._store.spend(by, wanted, limit=wanted.limit), by))

    async def _series(self, request: web.Request) -> web.Response:
        asked = parameters(request)
        step, by = asked.pop("step", "day"), asked.pop("by", None)
        wanted = self._query(asked)
        return shown(public_spending(await self._store.series(wanted, step, by), by, step))

    def _query(self, asked: dict[str, str]) -> Query:
        return query(asked, int(self._now() * 1000))


def _truth(name: str, text: str) -> bool:
    try:
        return truth(text)
    except ValueError as error:
        raise BadFilter(name, str(error)) from None
