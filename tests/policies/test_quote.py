"""Who gets a request for a model follows from the routes and the patterns, and is told with the reason."""

from gateway.policies.patterns import Patterns
from gateway.policies.quote import places
from gateway.policies.routing import Provider, Routing, Target, Weighted

OPENAI = Provider("openai", "openai", "api.openai.com", models=Patterns(["gpt-*"]))
CLAUDE = Provider("claude", "anthropic", "api.anthropic.com", models=Patterns(["claude-*"]))
ROUTES = {
    "fast": [Weighted(Target(OPENAI, "gpt-x"), 3), Weighted(Target(CLAUDE, None), 1), Weighted(Target(CLAUDE, "no"), 0)]
}
ROUTING = Routing([OPENAI, CLAUDE], ROUTES)


def told(model: str, named: Provider | None = None) -> list[tuple[str, str, str]]:
    """Say where a model goes."""
    return [(provider.name, asked, why) for provider, asked, why in places(ROUTING, model, named)]


def test_a_route_has_its_targets_with_their_shares() -> None:
    """Those that get anything."""
    assert [("openai", "gpt-x", "route fast, 75%"), ("claude", "fast", "route fast, 25%")] == told("fast")


def test_other_models_go_where_routing_sends_them() -> None:
    """In whatever dialect they are known, else to the first provider."""
    assert [("claude", "claude-x", "routing sends it there")] == told("claude-x")
    assert [("claude", "x", "routing sends it there")] == told("claude/x")
    [(provider, _, why)] = told("x")
    assert ("openai", True) == (provider, why.startswith("nobody's patterns name it"))
    assert [("claude", "fast", "it is asked about")] == told("fast", CLAUDE)
