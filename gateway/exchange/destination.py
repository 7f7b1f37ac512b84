"""Where does a request go, and may it? The policies that stand between a known caller and a provider."""

from gateway.core.errors import Refusal
from gateway.exchange.intake import Taking
from gateway.exchange.introduction import Introduction
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way, route_lines
from gateway.policies.routing import Choice, Provider, Routing, Target
from gateway.wire.paths import opened

_REMEMBERED_WAYS = 100  # for one caller; a caller can invent names
_BY_BUDGET = b"x-tollway-fallback: budget\r\n"


def find_way(intro: Introduction, serving: Serving, model: str | None, draw: float) -> Way:
    """Find the way for a request; arguments and refusals as for `choose`."""
    choice = choose(intro, serving.snapshot.routing, model, draw)
    lane = serving.lanes[choice.candidates[0].provider.name]
    way = Way(choice, lane, route_lines(choice, model), serving.snapshot.prices, serving.slot)
    if choice.route is None and len(intro.ways) < _REMEMBERED_WAYS:
        intro.ways[model] = way  # no share is drawn: it is the same every time
    return way


def choose(intro: Introduction, routing: Routing, model: str | None, draw: float) -> Choice:
    """Choose a provider for a request that asks for `model` (None: it names none). Raises Refusal.

    `draw` in [0, 1) picks among a route's weighted targets.
    """
    principal = intro.principal
    if model is not None and not routing.allowed(principal, model):
        raise Refusal("model_not_allowed", f"This key may not use the model '{model}'.", param="model")
    if model is None and principal.is_limited and intro.record.method == "POST":
        advice = "In a form, put the field 'model' before the file."
        raise Refusal("model_not_allowed", f"This key is held to certain models: name one. {advice}", param="model")
    choice = intro.choice or routing.choose(intro.dialect, model, draw)
    provider = choice.candidates[0].provider
    if intro.closed:
        _check_open(intro.place.path if intro.place is not None else "", provider)
    if _lacks_key(provider) and not intro.passed.own_key:
        missing = ", ".join(provider.missing_keys)
        raise Refusal("no_provider", f"The provider '{provider.name}' has no API key: {missing}.")
    return choice


def fallback_way(intro: Introduction, serving: Serving, route: str, draw: float) -> Way | None:
    """Find the way of a request to which a budget gives a route's name instead of its model; None: it cannot go there.

    The key need not be allowed to ask for the route: whoever wrote the budget named it. What the company allows holds
    all the same, for a team writes budgets of its own. Who named a provider in the path, or brought the provider's own
    credential, is sent nowhere else. The price is still to be checked (`check_price`), and that it fits.
    """
    place, routing = intro.place, serving.snapshot.routing
    if place is None or place.endpoint.job or intro.choice is not None or intro.closed or intro.passed.own_key:
        return None
    if place.model is None and intro.taking is not Taking.WHOLE:
        return None  # its model stands where it cannot be changed
    if not intro.principal.company_allows(route) or not routing.knows(intro.dialect, route):
        return None
    choice = routing.choose(intro.dialect, route, draw)
    provider, asked = choice.candidates[0]
    if choice.route is None or _lacks_key(provider):
        return None
    model = asked if asked is not None else route  # as if the route had been asked for
    chosen = Choice(route, (Target(provider, model),))
    lines = route_lines(choice, route) + _BY_BUDGET
    return Way(chosen, serving.lanes[provider.name], lines, serving.snapshot.prices, serving.slot)


def check_price(way: Way, model: str | None, at_unix_s: float) -> None:
    """Refuse a call whose price nobody knows, where config wants that."""
    asked = way.model or model
    if way.prices.denies(way.provider, asked, at_unix_s):
        advice = f"An operator can name it under [providers.{way.provider.name}] prices."
        raise Refusal("price_unknown", f"Nobody knows what '{asked}' costs. {advice}", param="model")


def _lacks_key(provider: Provider) -> bool:
    """Tell whether a provider's API keys are configured and none of them could be read."""
    return not provider.api_keys and bool(provider.missing_keys)


def _check_open(path: str, provider: Provider) -> None:
    """Refuse a path that administers the provider's account unless an operator opened it."""
    if not opened(path, provider.allow_paths):
        advice = f"An operator can open it with allow_paths under [providers.{provider.name}]."
        raise Refusal("path_not_allowed", f"{path} administers the provider's account. {advice}")
