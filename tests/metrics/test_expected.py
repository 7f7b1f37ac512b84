"""What a config surely needs begins at 0."""

from gateway.metrics import catalogue
from gateway.metrics.bounds import Bounds
from gateway.metrics.expected import expected
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from gateway.policies.patterns import Patterns
from gateway.policies.routing import Provider, Routing, Target, Weighted

OPENAI = Provider("openai", "openai", "api.openai.com", models=Patterns(("gpt-4o", "o?-*")))
CLAUDE = Provider("anthropic", "anthropic", "api.anthropic.com")
ROUTING = Routing([OPENAI, CLAUDE], {"fast": [Weighted(Target(OPENAI, "gpt-4o-mini"), 1)]})


def page(bounds: Bounds | None = None) -> list[str]:
    """Render before the first exchange."""
    tally = Tally(bounds=bounds)
    tally.configure((), expected(ROUTING, ["search"]))
    return Exposition(dict, lambda _: {}, tally).render("").body.decode().splitlines()


def test_failures_are_there_before_they_happen() -> None:
    """Of every model that config names, through its route and without, and of every team."""
    lines = page()

    for series in (
        'tollway_requests_total{endpoint="chat",model="gpt-4o",outcome="timeout",provider="openai",route="none",'
        'stream="true"}',
        'tollway_requests_total{endpoint="responses",model="gpt-4o-mini",outcome="upstream_error",provider="openai",'
        'route="fast",stream="false"}',
        'tollway_requests_total{endpoint="chat",model="fast",outcome="upstream_error",provider="openai",route="fast",'
        'stream="false"}',
        'tollway_upstream_attempts_total{model="gpt-4o",provider="openai",result="5xx"}',
        'tollway_team_requests_total{outcome="upstream_error",team="search"}',
        'tollway_usage_missing_total{provider="anthropic",reason="no_usage_field"}',
        'tollway_rejections_total{reason="budget"}',
        "tollway_exchanges_stored_total",
        'tollway_overhead_seconds_bucket{phase="total",le="0.01"}',
    ):
        assert f"{series} 0.0" in lines


def test_room_is_kept() -> None:
    """A config with more models than there is room for fills it, and no more."""
    lines = [line for line in page(Bounds(most_samples=30)) if not line.startswith(("#", "tollway_metrics"))]

    assert 30 == len(lines)


def test_a_first_outcome_brings_the_others_along() -> None:
    """Where nothing was expected, too: when something was ok once, its first failure is seen."""
    from_the_blue = ("none", "openai", "gpt-9", "chat", "false")
    tally = Tally()
    tally._admit(catalogue.REQUESTS.name, (*from_the_blue, "ok"))

    assert {"ok", "upstream_error", "timeout"} == {labels[-1] for labels in tally.series(catalogue.REQUESTS)}
