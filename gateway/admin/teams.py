"""Who may call, and what did they use lately? /api/teams and /api/keys of the admin port. Never a key or its hash."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gateway.admin.answers import bound, instant, only, shown
from gateway.admin.sources import Sources
from gateway.config.load import TEAMS
from gateway.config.model import Team
from gateway.core.clock import stamp
from gateway.core.ids import started_ms
from gateway.store.interface import Query, Spend
from gateway.store.shown import public_spend

LATELY: Final = "7d"


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/teams", bound(_teams, sources)), web.get("/api/keys", bound(_keys, sources))]


async def _teams(sources: Sources, request: web.Request) -> web.Response:
    since_ms = instant(only(request, "since"), "since", sources.now_ms(), LATELY)
    used = await _used(sources, "team", since_ms)
    return shown(
        {
            "since": stamp(since_ms // 1000),
            "teams": [
                {**_team(sources, name, team), **_sums(used, name)} for name, team in sources.config().teams.items()
            ],
        }
    )


async def _keys(sources: Sources, request: web.Request) -> web.Response:
    asked = only(request, "team", "since")
    since_ms = instant(asked, "since", sources.now_ms(), LATELY)
    keys = [
        (name, key.name)
        for name, team in sources.config().teams.items()
        for key in team.keys
        if asked.get("team", name) == name
    ]
    used = await _used(sources, "key", since_ms)
    last = await sources.store.last_of_keys(since_ms, frozenset(keys))
    return shown(
        {
            "since": stamp(since_ms // 1000),
            "keys": [
                {"team": team, "key": key, **_last(last.get((team, key))), **_sums(used, f"{team}/{key}")}
                for team, key in keys
            ],
        }
    )


async def _used(sources: Sources, by: str, since_ms: int) -> dict[str, Spend]:
    return {row.name: row for row in (await sources.store.spend(by, Query(since_ms=since_ms))).rows}


def _sums(used: Mapping[str, Spend], name: str) -> dict[str, Any]:
    sums = public_spend(used.get(name) or Spend(name=name), "name")
    del sums["name"]
    return sums


def _last(exchange_id: str | None) -> dict[str, Any]:
    if exchange_id is None:
        return {"last_used_at": None, "last_exchange": None}
    return {"last_used_at": stamp(started_ms(exchange_id) // 1000), "last_exchange": exchange_id}


def _team(sources: Sources, name: str, team: Team) -> dict[str, Any]:
    snapshot = sources.snapshot()
    return {
        "team": name,
        "file": f"{TEAMS}/{name}.toml",
        "keys": [key.name for key in team.keys],
        "models": team.models.allow,
        "forward_credentials": team.forward_credentials,
        "bodies": team.logging.bodies,
        "max_body_bytes": team.logging.max_body,
        "budgets": [one.id for one in snapshot.budgets.all if one.owner == name],
        "limits": [one.id for one in snapshot.limits.all if one.id.startswith(f"{name}/")],
    }
