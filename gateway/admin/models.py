"""What can be asked for, where does it go, and what does it cost now? /api/models of the admin port."""

from typing import Any

from aiohttp import web

from gateway.admin.answers import NotThere, bound, instant, only, shown
from gateway.admin.sources import Sources
from gateway.config.load import Config
from gateway.config.problems import suggestion
from gateway.core.clock import stamp
from gateway.policies.patterns import Patterns
from gateway.policies.quote import Place, places, public_quote, quote
from gateway.policies.routing import Provider, Routing
from gateway.policies.snapshot import Snapshot


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/models", bound(_models, sources))]


async def _models(sources: Sources, request: web.Request) -> web.Response:
    asked = only(request, "model", "provider", "at")
    at_s = instant(asked, "at", sources.now_ms()) / 1000
    snapshot, config = sources.snapshot(), sources.config()
    provider = _provider(snapshot, asked.get("provider"))
    wanted = [asked["model"]] if "model" in asked else configured(config, snapshot.routing, provider)
    if wanted and not snapshot.routing.providers():
        raise NotThere("no provider is configured, so no model goes anywhere")
    found = [(name, place) for name in wanted for place in places(snapshot.routing, name, provider)]
    return shown(
        {
            "at": stamp(at_s),
            "price_list": snapshot.prices.listed.version,
            "models": [_model(snapshot, name, place, at_s) for name, place in found],
        }
    )


def configured(config: Config, routing: Routing, provider: Provider | None = None) -> list[str]:
    """Name what the config names: routes, then models without wildcards of providers, and of their prices.

    Each behind its provider's name, so that it is asked and no other. `provider`: only its own, by their bare names.
    """
    if provider is not None:
        return _named(config, provider)
    own = [f"{each.name}/{name}" for each in routing.providers() for name in _named(config, each)]
    return [*routing.routes(), *own]


def _named(config: Config, provider: Provider) -> list[str]:
    priced = Patterns(config.company.providers[provider.name].prices)
    return list(dict.fromkeys([*provider.models.exact(), *priced.exact()]))


def _model(snapshot: Snapshot, name: str, place: Place, at_s: float) -> dict[str, Any]:
    told = public_quote(quote(snapshot.prices, place.provider, place.model, place.why, {}, at_s), None)
    model, provider = told.pop("model"), told.pop("provider")
    return {
        "model": name,
        "why": place.why,
        "provider": provider,
        "provider_model": model,
        "price": told,
    }


def _provider(snapshot: Snapshot, name: str | None) -> Provider | None:
    if name is None:
        return None
    found = snapshot.routing.provider(name)
    if found is None:
        there = [each.name for each in snapshot.routing.providers()]
        hint = suggestion(name, there) or f" There are: {', '.join(there) or 'none'}."
        raise NotThere(f"there is no provider '{name}'.{hint}")
    return found
