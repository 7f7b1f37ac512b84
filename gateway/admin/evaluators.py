"""How do evaluators stand, and what do their scores say? /api/evaluators of the admin port."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.admin.answers import bound, only, parameters
from gateway.admin.sources import Sources
from gateway.core.record import public_json
from gateway.evaluation.report import CONVERSATIONS_MOST, Line, dimensions_of, public_line, report_of
from gateway.evaluation.standing import standings
from gateway.store.asking import score_query
from gateway.store.filters import BadFilter
from gateway.store.opening import QueryTimeout
from gateway.store.reader import DEADLINE_S

# A report is of all that match: there are no pages of it.
_OF_PAGES: Final = ("limit", "cursor")


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [
        web.get("/api/evaluators", bound(_evaluators, sources)),
        web.get("/api/evaluators/report", bound(_report, sources)),
    ]


async def _evaluators(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    told = await asyncio.to_thread(standings, sources.snapshot().evaluating, sources.queue)
    return _json({"evaluators": [msgspec.to_builtins(one) for one in told]})


async def _report(sources: Sources, request: web.Request) -> web.Response:
    asked = parameters(request)
    by = dimensions_of(asked.pop("by", ""))
    for name in _OF_PAGES:
        if name in asked:
            raise BadFilter(name, "there is no such parameter: a report has no pages")
    wanted = score_query(asked, sources.now_ms())
    try:
        async with asyncio.timeout(DEADLINE_S):
            lines = await report_of(sources.store, wanted, by, CONVERSATIONS_MOST)
    except TimeoutError:
        raise QueryTimeout(f"these are too many scores for {DEADLINE_S:g} s: ask for less time, or one name") from None
    return await asyncio.to_thread(_report_json, lines, by)


def _report_json(lines: Sequence[Line], by: Sequence[str]) -> web.Response:
    return _json({"by": list(by), "report": [public_line(line, by) for line in lines]})


def _json(value: dict[str, Any]) -> web.Response:
    return web.Response(body=public_json(value), content_type="application/json")
