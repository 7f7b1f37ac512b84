"""Who is asked, and how are they lately? /api/providers of the admin port: from the config and the last exchanges."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from gateway.admin.answers import bound, instant, only, shown
from gateway.admin.sources import Sources
from gateway.core.clock import stamp
from gateway.core.record import Attempt, Record
from gateway.policies.routing import Provider
from gateway.store.interface import Query

LATELY: Final = "1h"
MOST_LOOKED_AT: Final = 1_000  # exchanges; what providers did before that says little of how they are


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/providers", bound(_providers, sources))]


async def _providers(sources: Sources, request: web.Request) -> web.Response:
    since_ms = instant(only(request, "since"), "since", sources.now_ms(), LATELY)
    page = await sources.store.exchanges(Query(since_ms=since_ms, limit=MOST_LOOKED_AT))
    found = sources.snapshot().routing.providers()
    written = sources.config().company.providers
    return shown(
        {
            "since": stamp(since_ms // 1000),
            "exchanges": len(page.records),
            "complete": page.complete and page.cursor is None,
            "providers": [
                {**_provider(one, written[one.name].api_keys or ()), "lately": lately(page.records, one.name)}
                for one in found
            ],
        }
    )


def _provider(one: Provider, api_keys: Iterable[str]) -> dict[str, Any]:
    """Shape a provider. Of its keys only where they come from, and whether they could be read."""
    return {
        "provider": one.name,
        "dialect": one.dialect,
        "base_url": one.base_url,
        "models": list(one.models.texts),
        "free": one.free,
        "keys": [{"from": name, "found": name not in one.missing_keys} for name in api_keys],
        "allow_paths": list(one.allow_paths),
    }


def lately(newest_first: Iterable[Record], provider: str) -> dict[str, Any]:
    """Say how the tries at a provider went; its own rate limits as it told them last."""
    results: Counter[str] = Counter()
    failure: dict[str, Any] | None = None
    left: dict[str, Any] | None = None
    for record in newest_first:
        for attempt in reversed([each for each in record.attempts if each.provider == provider]):
            results[attempt.result] += 1
            if failure is None and attempt.result not in ("ok", "cancelled"):
                failure = _failure(record, attempt)
            if left is None and (attempt.left_requests, attempt.left_tokens) != (None, None):
                left = {
                    "at": record.started_at,
                    "requests": attempt.left_requests,
                    "tokens": attempt.left_tokens,
                }
    return {
        "attempts": results.total(),
        "failures": results.total() - results["ok"] - results["cancelled"],
        "results": dict(results.most_common()),
        "last_failure": failure,
        "left": left,
    }


def _failure(record: Record, attempt: Attempt) -> dict[str, Any]:
    return {
        "at": record.started_at,
        "exchange": record.id,
        "model": attempt.model,
        "result": attempt.result,
        "status": attempt.status,
        "error": attempt.error,
        "upstream_request_id": attempt.upstream_request_id,
    }
