"""Which config is in force, and what became of the last change? /api/config of the admin port, without any secret."""

import asyncio
import os
from typing import Any

from aiohttp import web

from gateway.admin.answers import bound, only, shown
from gateway.admin.sources import Sources
from gateway.config import compile
from gateway.config.load import TEAMS, Config
from gateway.config.model import Section
from gateway.policies.snapshot import PriceSource, Snapshot


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/config", bound(_config, sources))]


async def _config(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    config, snapshot, processes = sources.config(), sources.snapshot(), sources.processes()
    # Looks for secrets that are files.
    warnings = await asyncio.to_thread(_warnings, config, snapshot)
    return shown(
        {
            "generation": snapshot.generation,
            "folder": str(config.root),
            "files": [config.file, *(f"{TEAMS}/{name}.toml" for name in config.teams)],
            "reload": {"ok": processes.reload_ok, "problems": list(processes.problems)},
            "warnings": warnings,
            "company": company(config),
            "teams": {name: _team(team) for name, team in config.teams.items()},
        }
    )


def company(config: Config) -> dict[str, Any]:
    """Show config.toml as it holds, defaults included.

    Secrets stand in it by their names alone (`env:NAME`, `file:PATH`). The address of a price list can hold one.
    """
    shown_here = _section(config.company)
    source = config.company.prices.source
    if source is not None:
        shown_here["prices"]["source"] = str(PriceSource(source, config.company.prices.refresh))
    return shown_here


def _team(team: Section) -> dict[str, Any]:
    """Show a team's file. A key's hash opens nothing, and yet nobody needs it here."""
    shown_here = _section(team)
    for key in shown_here["keys"]:
        del key["sha256"]
    return shown_here


def _section(section: Section) -> dict[str, Any]:
    return section.model_dump(mode="json")


def _warnings(config: Config, snapshot: Snapshot) -> list[str]:
    return list(compile.warnings(config, os.environ, snapshot))
