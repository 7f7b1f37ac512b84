"""Why did this exchange go as it did? GET /api/exchanges/{id}/explain: what `tollway explain --json` prints."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from gateway.admin.answers import bound, only, shown
from gateway.admin.sources import Sources
from gateway.core.record import Record
from gateway.core.score import Evaluation, public
from gateway.evaluation.why import Why, asked_of, public_why, why
from gateway.policies.explained_exchange import Now, public_story, story

PATH = "/api/exchanges/{id}/explain"


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get(PATH, bound(_explain, sources))]


async def _explain(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    found = await sources.store.exchange(request.match_info["id"])
    snapshot = sources.snapshot()
    now = Now(snapshot.routing, snapshot.budgets, snapshot.limits, snapshot.prices.listed)
    judged = await sources.store.judged(found.record)
    whys = await asyncio.to_thread(_whys, sources, found.record, judged)
    told = {"evaluations": [public(one) for one in judged], "evaluators": [public_why(one) for one in whys]}
    return shown(public_story(story(found.record, now)) | told)


def _whys(sources: Sources, record: Record, judged: Sequence[Evaluation]) -> list[Why]:
    asked = asked_of(record, judged, sources.queue)
    return why(asked, sources.snapshot().evaluating, sources.follow, sources.queue)
