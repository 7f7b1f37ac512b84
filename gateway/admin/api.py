"""What does the admin port serve? Health, metrics, the log, budgets and settings. What must wait does so elsewhere."""

from aiohttp import web

from gateway.admin import (
    config,
    evaluators,
    exchanges,
    explaining,
    judgements,
    live,
    models,
    openapi,
    page,
    providers,
    scrape,
    status,
    sums,
    teams,
)
from gateway.admin.answers import bound, shown
from gateway.admin.budgets import BudgetPaths
from gateway.admin.faults import translating
from gateway.admin.finish import finishing
from gateway.admin.guard import guarding
from gateway.admin.sources import Sources


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
            *judgements.routes(sources),
            *evaluators.routes(sources),
            *sums.routes(sources),
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
