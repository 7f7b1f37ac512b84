"""Which series will a config surely need? They begin at 0, so that no alert misses a first failure."""

from collections.abc import Iterator, Mapping
from itertools import product

from gateway.metrics import catalogue
from gateway.metrics.bounds import NONE, Labels
from gateway.metrics.catalogue import Metric
from gateway.policies.routing import Routing

# `increase` does not see a series' birth, so what alerts look at is there before it happens.
OUTCOMES = ("ok", "upstream_error", "timeout")
RESULTS = ("ok", "5xx", "timeout", "connect")
REJECTIONS = ("rate_limit", "budget", "policy", "overload", "body_too_large")
GAPS = ("no_usage_field", "stream_cut", "parse_error")
# What agents call all day, by dialect; other endpoints begin with their first request.
_USUAL = {"openai": ("chat", "responses"), "anthropic": ("messages",), "gemini": ("generate_content",)}


def expected(routing: Routing, teams: list[str]) -> Mapping[Metric, list[Labels]]:
    """List them by metric, those first that matter most should there not be room for all."""
    ways = list(_ways(routing))
    asked = [(provider, model) for _, provider, model, _ in ways]
    providers = [provider.name for provider in routing.providers()]
    return {
        catalogue.STORED: [()],
        catalogue.OVERHEAD: [("total",)],
        catalogue.REJECTIONS: [(reason,) for reason in REJECTIONS],
        catalogue.JOBS: [("booked",), ("lapsed",)],
        catalogue.USAGE_MISSING: list(product(providers, GAPS)),
        catalogue.TEAM_REQUESTS: list(product(teams, OUTCOMES)),
        catalogue.ATTEMPTS: [(*pair, result) for pair, result in product(asked, RESULTS)],
        catalogue.BOUND_EXCEEDED: [(model,) for model in dict.fromkeys(model for _, model in asked)],
        catalogue.REQUESTS: [
            (route, provider, model, endpoint, stream, outcome)
            for route, provider, model, dialect in ways
            for endpoint, stream, outcome in product(_USUAL[dialect], ("false", "true"), OUTCOMES)
        ],
    }


def _ways(routing: Routing) -> Iterator[tuple[str, str, str, str]]:
    """Give route, provider, model and dialect of everything that config names."""
    for name in routing.routes():
        for target in [each.target for each in routing.targets(name)]:
            # Under the route's own name, too: what failed has no model that answered.
            for model in dict.fromkeys((target.model or name, name)):
                yield name, target.provider.name, model, target.provider.dialect
    for provider in routing.providers():
        for model in provider.models.exact():
            yield NONE, provider.name, model, provider.dialect
