"""Why did this exchange go as it did? GET /api/exchanges/{id}/explain: what `tollway explain --json` prints."""

from aiohttp import web

from gateway.admin.answers import bound, only, shown
from gateway.admin.sources import Sources
from gateway.core.score import public
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
    return shown(public_story(story(found.record, now)) | {"evaluations": [public(one) for one in judged]})
