"""Why did this exchange go as it did? GET /api/exchanges/{id}/explain: what `tollway explain --json` prints."""

from collections.abc import Callable

from aiohttp import web

from gateway.admin.answers import shown
from gateway.policies.explained_exchange import Now, public_story, story
from gateway.policies.snapshot import Snapshot
from gateway.store.reader import StoreReader

PATH = "/api/exchanges/{id}/explain"


class ExplainPath:
    """The answer. `snapshot`: the config in force."""

    def __init__(self, store: StoreReader, snapshot: Callable[[], Snapshot]) -> None:
        self._store = store
        self._snapshot = snapshot

    def routes(self) -> list[web.RouteDef]:
        """Say what is served where."""
        return [web.get(PATH, self._explain)]

    async def _explain(self, request: web.Request) -> web.Response:
        found = await self._store.exchange(request.match_info["id"])
        snapshot = self._snapshot()
        now = Now(snapshot.routing, snapshot.budgets, snapshot.limits, snapshot.prices.listed)
        return shown(public_story(story(found.record, now)))
