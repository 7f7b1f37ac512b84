"""What does the admin port serve? Health, metrics, the log, budgets and settings. What must wait does so elsewhere."""

from aiohttp import web

from gateway.admin import config, exchanges, explaining, live, models, openapi, page, providers, scrape, status, teams
from gateway.admin.answers import bound, instant, only, shown
from gateway.admin.budgets import BudgetPaths
from gateway.admin.faults import translating
from gateway.admin.finish import finishing
from gateway.admin.guard import guarding
from gateway.admin.sources import Sources
from gateway.store.shown import public_spend


def make_app(sources: Sources) -> web.Application:
    """Build the application."""
    app = web.Application(middlewares=[finishing, guarding(sources), translating])
    watching = live.Watching(sources)
    app.on_shutdown.append(watching.end)
    app.add_routes(
        [
            web.get("/healthz", _healthz),
            web.get("/readyz", bound(_readyz, sources)),
            web.get(scrape.PATH, scrape.scrape(sources.exposition)),
            *watching.routes(),  # before /api/exchanges/{id}
            *exchanges.routes(sources),
            *explaining.routes(sources),
            web.get("/api/spend", bound(_spend, sources)),
            *BudgetPaths(sources.ledger, sources.snapshot, sources.now).routes(),
            *teams.routes(sources),
            *providers.routes(sources),
            *models.routes(sources),
            *config.routes(sources),
            *status.routes(sources),
            *openapi.routes(),
            *page.routes(),
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


async def _spend(sources: Sources, request: web.Request) -> web.Response:
    asked = only(request, "by", "since", "until")
    now_ms = sources.now_ms()
    limits = {f"{name}_ms": instant(asked, name, now_ms) for name in ("since", "until") if name in asked}
    by = asked.get("by", "team")
    return shown({"by": by, "spend": [public_spend(row, by) for row in await sources.store.spend(by, **limits)]})
